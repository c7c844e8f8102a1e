"""Worlds of several gateways in which one cause breaks several things."""

from verify_broken import BESIDE, BOTH, LOGIN
from verify_causes import AT, World
from verify_world import GATEWAY, SECOND, SECONDS_NAMES, SUBMIT, WANTED, Port

from mail.zonefile import RecordSet

BOTH_SEND = f"v=spf1 ip4:203.0.113.9 ip4:{SECOND.address} -all"
_TWO = {
    "gateways": (*WANTED.gateways, SECOND),
    "records": (
        *(r for r in WANTED.records if r.name != "_spf.relay.example"),
        RecordSet("_spf.relay.example", "TXT", 300, (BOTH_SEND,)),
        RecordSet(SECOND.name, "A", 300, (SECOND.address,)),
        RecordSet(SECOND.name, "TXT", 300, ("v=spf1 a -all",)),
        RecordSet(SUBMIT, "A", 30, ("203.0.113.9", SECOND.address)),
    ),
}
SEVERAL = [
    World(
        "one of two gateways is off",
        {
            f"host-silent {SECOND.name}": {
                *(f"port-filtered {SECOND.name}:{port}" for port in (25, 587, 465)),
                f"submission-without {SUBMIT}",
            }
        },
        ports=BOTH,
        names={
            f"{SUBMIT} A": ["203.0.113.9"],
            "_spf.relay.example TXT": [BOTH_SEND],
            **SECONDS_NAMES,
        },
        outputs={**BESIDE, **_TWO},
    ),
    World(
        "a certificate is for none of its names",
        {
            f"certificate-name {AT}465": {f"submission-certificate {SUBMIT} at {GATEWAY}"},
        },
        ports={465: Port(before=(), after=LOGIN, certificate="other name")},
        names={f"{SUBMIT} A": ["203.0.113.9"]},
        outputs=BESIDE,
    ),
]
