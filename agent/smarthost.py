"""The accounts at the smarthost as Postfix's table; only on hosts that have one."""

import re
from collections.abc import Mapping
from typing import Any

from agent.bundle import BadBundle

# A line: an envelope sender, its @domain or, for all others, the smarthost; then USER:PASSWORD.
LINE = re.compile(
    r"([!-?A-~]*@[a-z0-9.-]+|\[[a-z0-9.-]+\]:\d+) [!-~]{1,255}:[!-~]([ -~]{0,253}[!-~])?\n"
)


def passwords(smarthost: Mapping[str, Any]) -> str:
    """smtp_sasl_password_maps; raises BadBundle if an account is not usable in it."""
    lines = []
    try:
        for number, account in enumerate(smarthost["accounts"]):
            sender = account["sender"] or smarthost["destination"]
            lines.append(f"{sender} {account['user']}:{account['password']}\n")
            if ":" in account["user"] or not LINE.fullmatch(lines[-1]):
                raise BadBundle(f"smarthost.accounts[{number}]: not usable in Postfix's table")
    except (KeyError, TypeError) as error:
        raise BadBundle("smarthost: destination and accounts are not there") from error
    return "".join(lines)
