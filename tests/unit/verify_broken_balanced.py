"""Worlds with one thing broken each in which a load balancer is before the gateways."""

from typing import Any

from verify_broken import ADDRESS, BOTH, LOGIN, SUBMIT_A, Broken
from verify_world import SUBMIT, Port

from ops.outputs import Submission

# its load balancer has the gateway's address in these worlds: what is there, answers
OWN = "submission-1.elb.us-east-1.amazonaws.com"
BALANCED = {"submission": Submission(host=SUBMIT, load_balancer=OWN, target_groups=("arn:587",))}
BALANCED_RECORD = (ADDRESS, f"{ADDRESS}\n{SUBMIT}. 60 IN CNAME {OWN}.")


NAMED = Port(after=LOGIN, certificate="both names")


def _balanced(code: str, subject: str, remedy: str, *found: str, **more: Any) -> Broken:
    names = {SUBMIT_A: [*found], f"{OWN} A": ["203.0.113.9"]}
    return Broken(code, subject, remedy, names, BALANCED_RECORD, outputs=BALANCED, **more)


ALL = [
    _balanced("submission-missing", SUBMIT, "--refresh"),
    _balanced(
        "submission-foreign",
        SUBMIT,
        "--refresh",
        "203.0.113.9",
        "192.0.2.1",
        ports={**BOTH, 587: NAMED},
    ),
    _balanced(
        "submission-closed",
        f"{SUBMIT}:465",
        "--refresh",
        "203.0.113.9",
        ports={465: None, 587: NAMED},
    ),
]
