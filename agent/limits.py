"""The limits of logins as files of the gateway, from a checked bundle: text in, text out.

policyd-rate-limit counts either messages or recipients, so two daemons run, each with its own
configuration (policyd-rate-limit.yaml(5); JSON is YAML).
"""

import json
from collections.abc import Mapping
from typing import Any

Bundle = Mapping[str, Any]
HOUR, DAY = 3600, 86400
RUN = "/run/mail-relay-limits"
# `count_mode` of each; asked when the recipients are known (smtpd_data_restrictions)
KINDS = {"recipients": 1, "messages": 2}
UNITS = tuple(f"mail-relay-limit@{kind}.service" for kind in KINDS)
SECONDS = {"PerHour": HOUR, "PerDay": DAY}
KEYS = tuple(kind + per for kind in KINDS for per in SECONDS)
# A login that the tables do not name has no limit: if it was removed while its session is open,
# the guard tells it so; a limit would tell it that it has sent too much.
UNKNOWN: list[list[int]] = []


def of(entry: Mapping[str, Any], kind: str) -> list[list[int]]:
    """A login's limits of one kind, as [number, seconds]; 0 is none, as is no entry."""
    found = entry.get("limits", {})
    return [[found[kind + per], s] for per, s in SECONDS.items() if found.get(kind + per)]


def unlimited(bundle: Bundle) -> str:
    """Postfix's check_sasl_access: logins without a limit, such as the stack's own hosts."""
    logins = bundle["logins"].items()
    free = [login for login, entry in logins if not any(entry.get("limits", {}).values())]
    return "".join(f"{login} OK\n" for login in sorted(free))


def configuration(bundle: Bundle, kind: str) -> str:
    """The configuration of the daemon that counts one kind."""
    text = f"450 4.7.1 this login has sent as many {kind} as it may for now; try again later"
    content = {
        "debug": False,
        "user": "policyd-rate-limit",
        "group": "policyd-rate-limit",
        "pidfile": f"{RUN}/{kind}/pid",
        "backend": 0,
        "sqlite_config": {"database": f"{RUN}/{kind}/counts.sqlite3"},
        "SOCKET": f"{RUN}/{kind}/socket",
        "socket_permission": 0o660,
        "limits": UNKNOWN,
        "limits_by_id": {x: of(entry, kind) for x, entry in sorted(bundle["logins"].items())},
        # the package has no default for this key, and does not answer without it
        "sql_limits_by_id": "",
        "limit_by_sasl": True,
        "success_action": "dunno",
        "fail_action": text,
        # if the counts cannot be read, nothing passes
        "db_error_action": "451 4.3.0 the login's limit cannot be read now; try again later",
        "report": True,
        "report_limits": list(SECONDS.values()),
        "count_mode": KINDS[kind],
    }
    return json.dumps(content, indent=1)


def texts(bundle: Bundle) -> dict[str, str]:
    """All files, by their path among the tables."""
    found = {f"limits/{kind}.yaml": configuration(bundle, kind) for kind in KINDS}
    return found | {"unlimited": unlimited(bundle)}
