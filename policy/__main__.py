"""The pack as Pulumi runs it: `pulumi preview --policy-pack policy`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

# Pulumi starts the pack in its own folder; the rules use the project's mail/
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.rules import RULES, STACK_RULES
from policy.rules.rule import UNKNOWN, Resource, Rule, StackRule


def plain(value: Any) -> Any:
    """A resource's properties in plain types; values that a preview cannot know are UNKNOWN."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, at) for at in range(len(value))]
    return value


def _known(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN


def _resource(
    given: ResourceValidationArgs | PolicyResource, needs: frozenset[str] = frozenset()
) -> Resource:
    return Resource(
        given.resource_type, given.name, given.urn, plain(given.props), given.opts.protect, needs
    )


def _policy(rule: Rule) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for problem in rule.check(_resource(args)):
            report(f"{problem}; {rule.remedy}", None)

    level = EnforcementLevel(rule.level)
    return ResourceValidationPolicy(rule.name, rule.says, validate, level)


def _stack_policy(rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [
            _resource(r, frozenset(x.urn for xs in r.property_dependencies.values() for x in xs))
            for r in args.resources
        ]
        for resource, problem in rule.check(resources):
            report(f"{problem}; {rule.remedy}", resource.urn)

    level = EnforcementLevel(rule.level)
    return StackValidationPolicy(rule.name, rule.says, validate, level)


PolicyPack("mail-relay", policies=[*map(_policy, RULES), *map(_stack_policy, STACK_RULES)])
