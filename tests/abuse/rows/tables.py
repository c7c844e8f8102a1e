"""The tables object: whatever becomes of it, the last good tables serve, and it is told."""

import json
from collections.abc import Callable

from abuse.place import Place
from abuse.row import Mutant, Probe, rows, served
from lab.wait import within

UNIT = "mail-relay-tables.service"
TRUSTING = Mutant(
    "tables that cannot be used are the end of the old ones",
    files={
        "/etc/systemd/system/mail-relay-tables.service.d/zz-battery.conf": "[Service]\n"
        "ExecStopPost=/bin/sh -c '[ $EXIT_STATUS = 0 ] || systemctl stop postfix'\n"
    },
    back="systemctl start postfix",
)


def _object(place: Place) -> tuple[str, str]:
    return place.gateway.status.split("/")[2], "gateway.json"


def broken(change: Callable[[bytes], bytes]) -> Probe:
    """The object is overwritten; whether a login still sends, and the unit says that it failed."""

    def probe(place: Place) -> str:
        from lab.access import entered
        from ops.lab import region

        name, key = _object(place)
        with entered(place.lab.namespace):
            s3 = region.client(place.lab, "s3")
            right = s3.get_object(Bucket=name, Key=key)["Body"].read()
            s3.put_object(Bucket=name, Key=key, Body=change(right))
        try:
            said = place.shell(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}; echo")
            state = place.shell(f"systemctl is-failed {UNIT}")
            place.hang_up()
            served_ = place.session().say("MAIL FROM:<" + place.names["login"] + ">")
            return f"{served_}; {state} {said}"
        except ConnectionError as error:
            return f"nobody is served: {error}"
        finally:
            with entered(place.lab.namespace):
                region.client(place.lab, "s3").put_object(Bucket=name, Key=key, Body=right)
            place.shell(
                f"systemctl start postfix; systemctl reset-failed {UNIT}; systemctl start {UNIT}"
            )
            within(10, lambda: place.shell("systemctl is-active postfix") == "active")

    return probe


def _with(key: str, value: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), key: value}).encode()


ROWS = rows(
    "tables",
    TRUSTING,
    served(r"250 .*; failed"),
    {
        "cut in the middle": broken(lambda content: content[: len(content) // 2]),
        "empty": broken(lambda _: b""),
        "a list": broken(lambda _: b"[]"),
        "a hundred thousand brackets": broken(lambda _: b"[" * 100_000),
        "for another host": broken(_with("host", "mail.other.example")),
        "of a later version": broken(_with("version", 10_000)),
        "logins that are a list": broken(_with("logins", [])),
        "a forward that is no address": broken(_with("forwards", {"x": ["y"]})),
    },
    slow=True,
)
