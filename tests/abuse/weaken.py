"""Puts a mutant in force on the running gateway, and takes it back."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abuse.place import Place
from abuse.row import Mutant
from lab.access import entered
from lab.wait import until
from ops.lab import region

KEPT = "/run/battery"
CONFIGURATION = ("/etc/postfix/main.cf", "/etc/postfix/master.cf")
SETTLE_SECONDS = 0.5
NETWORK_SECONDS = 30.0
EVERYBODY = {
    "IpProtocol": "tcp",
    "FromPort": 1,
    "ToPort": 65000,
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
}
OPEN = "dport 1-65000 return"  # the same as a rule of the lab's network
# replaces the pattern $2 by $3 in the file $1, which must have it
EDIT = """
import re, sys
path, pattern, text = sys.argv[1:]
old = open(path).read()
new = re.sub(pattern, text, old, flags=re.MULTILINE)
sys.exit(f"{path} has no {pattern}") if new == old else open(path, "w").write(new)
"""


class NotWeakened(Exception):
    """The mutant does not fit what is on the host; the text is what the host said."""


@contextmanager
def weakened(place: Place, mutant: Mutant) -> Iterator[None]:
    """Meanwhile the host runs with the weakened configuration."""
    with _account(place, mutant):
        try:
            place.hang_up()  # whom a process with the old configuration would serve on
            _run(place, mutant, _apply(mutant))
            place.forget()
            yield
        finally:
            place.hang_up()
            _run(place, mutant, _take_back(mutant))


@contextmanager
def _account(place: Place, mutant: Mutant) -> Iterator[None]:
    """What the mutant changes of the account, which is no file of a host."""
    if not (mutant.opens_groups or mutant.allows):
        yield
        return
    with entered(place.lab.namespace):
        ec2, iam = (region.client(place.lab, service) for service in ("ec2", "iam"))
        groups = [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]]
        roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    policy = {"Effect": "Allow", "Action": mutant.allows, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})

    def each(on: bool) -> None:
        change = ec2.authorize_security_group_ingress if on else ec2.revoke_security_group_ingress
        with entered(place.lab.namespace):
            for group in groups if mutant.opens_groups else ():
                change(GroupId=group, IpPermissions=[EVERYBODY])
            for role in roles if mutant.allows else ():
                if on:
                    iam.put_role_policy(
                        RoleName=role, PolicyName="battery", PolicyDocument=document
                    )
                else:
                    iam.delete_role_policy(RoleName=role, PolicyName="battery")
        if mutant.opens_groups:  # a role's policy counts at once, the network follows the groups
            rules = place.lab.directory / "rules.nft"
            until("the groups count", lambda: (OPEN in rules.read_text()) is on, NETWORK_SECONDS)

    each(True)
    try:
        yield
    finally:
        each(False)


def _run(place: Place, mutant: Mutant, lines: list[str]) -> None:
    said = place.shell("\n".join(["set -e", *lines, "echo done"]), mutant.host)
    if said.splitlines()[-1:] != ["done"]:
        raise NotWeakened(said)
    time.sleep(SETTLE_SECONDS)


def _apply(mutant: Mutant) -> list[str]:
    known = (*CONFIGURATION, *mutant.edits)
    lines = [f"rm -rf {KEPT}; mkdir {KEPT}", f"cp -a --parents {' '.join(known)} {KEPT}"]
    for path, text in mutant.files.items():
        lines += [
            f"if [ -e {path} ]; then cp -a --parents {path} {KEPT}; fi",
            f"mkdir -p {Path(path).parent}",
            f"printf %s {shlex.quote(text)} > {path}",
        ]
    lines += [f"postconf -e {shlex.quote(f'{k}={v}')}" for k, v in mutant.main.items()]
    for number, (key, value) in enumerate(mutant.master.items()):
        if " " in value:  # which postconf -P does not take
            lines.append(f"postconf -e {shlex.quote(f'battery_{number}={value}')}")
            value = f"$battery_{number}"
        lines.append(f"postconf -P {shlex.quote(f'{key}={value}')}")
    for path, (pattern, text) in mutant.edits.items():
        lines.append(shlex.join(["python3", "-c", EDIT, path, pattern, text]))
    return [*lines, mutant.script, *_read_again(mutant)]


def _take_back(mutant: Mutant) -> list[str]:
    gone = [f"[ -e {KEPT}{path} ] || rm -f {path}" for path in mutant.files]
    return [mutant.back, *gone, f"cp -a {KEPT}/. /", *_read_again(mutant)]


# A process that waits for a session when the configuration changes may still take one by the old.
# pgrep ends with 1 where there is none.
RELOAD = """
old=$(pgrep -d, -x 'smtpd|cleanup' || true)
postfix reload 2>/dev/null
for tenth in $(seq 600); do
    ps -o pid=,args= -p "${old:-0}" || break
    [ "$tenth" -lt 600 ]
    sleep 0.1
done >&2
"""


def _read_again(mutant: Mutant) -> list[str]:
    units = any(path.startswith("/etc/systemd/") for path in (*mutant.files, *mutant.edits))
    lines = ["systemctl daemon-reload"] if units else []
    # never a restart that the daemon's own start limit refuses
    lines += [f"systemctl reset-failed {unit}; systemctl restart {unit}" for unit in mutant.restart]
    return [*lines, RELOAD] if mutant.main or mutant.master else lines
