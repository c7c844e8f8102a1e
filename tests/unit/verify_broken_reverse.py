"""Worlds in which the reverse name of a host's address is not the host's, or nobody knows."""

from verify_broken import Broken
from verify_world import GATEWAY

PTR = "9.113.0.203.in-addr.arpa PTR"
POINTER = "9.113.0.203.in-addr.arpa. IN PTR mail.relay.example."
ALLOCATION = (
    "aws ec2 modify-address-attribute --allocation-id $(aws ec2 describe-addresses --public-ips "
    "203.0.113.9 --query 'Addresses[0].AllocationId' --output text) "
    "--domain-name mail.relay.example makes"
)
REVERSE_ZONE = {"113.0.203.in-addr.arpa NS": ["x1.amazonaws.example.", "x2.amazonaws.example."]}
ONE_SERVER_AWAY = {**REVERSE_ZONE, f"{PTR} @x2.amazonaws.example": "no answer"}

ALL = [
    Broken("ptr-missing", GATEWAY, POINTER, {PTR: []}),
    Broken("ptr-several", GATEWAY, POINTER, {PTR: ["mail.relay.example.", "old.example."]}),
    Broken("ptr-differs", GATEWAY, POINTER, {PTR: ["ec2-203-0-113-9.amazonaws.com."]}),
    Broken("ptr-differs", GATEWAY, ALLOCATION, {PTR: ["old.example."], **REVERSE_ZONE}),
    *(
        Broken("ptr-cached", GATEWAY, "forgets", {f"{PTR} @resolver": old, **zone})
        for zone in (REVERSE_ZONE, ONE_SERVER_AWAY)
        for old in (["old.example."], [], ["mail.relay.example.", "old.example."])
    ),
    # it was taken away lately: the resolver still has it
    *(
        Broken(
            "ptr-differs",
            GATEWAY,
            POINTER,
            {f"{PTR} @resolver": ["mail.relay.example."], PTR: ["ip-9.ec2.internal."], **zone},
        )
        for zone in (REVERSE_ZONE, ONE_SERVER_AWAY)
    ),
    Broken("ptr-unresolved", GATEWAY, POINTER, {PTR: "SERVFAIL"}),
]
