"""Causes and effects: one cause is one error, and problems that follow from it are skipped.

A problem's name in the table is its code, or its code and one of its parts: a unit, a port, a rule
of the security group.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from agent.answers import ASKED
from mail import names
from ops.outputs import Outputs
from ops.verify.result import Problem, Result
from ops.verify.talk import IMAPS, SMTP, SUBMISSION, SUBMISSIONS

LOGINS = (SUBMISSION, SUBMISSIONS)
POSTFIX = (SMTP, *LOGINS)
PORTS = (*POSTFIX, IMAPS)


def _at(ports: Iterable[int], *codes: str) -> tuple[str, ...]:
    """These codes at these ports."""
    return tuple(f"{code} {port}" for port in ports for code in codes)


# A port that takes no connection: refused, or without any answer.
_SHUT = ("port-closed", "port-filtered")
# A port that takes connections, but only defers or drops senders. Postfix starts no session at all
# while a table or Dovecot's socket is missing, and replies 4xx while a milter is.
_PUTS_OFF = ("port-silent", "port-deferred", "port-broken")
_TAKES_NONE = ("mx-deferred", "mx-refused")
# Units that fail in order to report what another check finds, and break nothing themselves.
_WATCHED = "service-stopped mail-relay-watch.service"
_SMARTHOST = "service-stopped mail-relay-smarthost.service"
# Problems of this computer alone: others can use the ports.
_FOR_US = {"client-limited"}
# Route53's health checks connect as strangers do.
_NO_ANSWER = "submission-without"
_HOST = (*_SHUT, *_PUTS_OFF, *_TAKES_NONE, _NO_ANSWER, "starttls-missing", "greeting-name")
_TABLES = ("mx-refused", "signing-none", "signing-unknown")
_KEY = ("signing-none", "signing-older", "dmarc-fails")
_KEYS = ("missing", "differs", "several", "revoked", "malformed", "not-everywhere", "unresolved")
# Without the volume there is no certificate either: Postfix offers TLS that fails.
_VOLUME = (
    *("service-stopped", "service-silent", "certificate-missing", "tls-fails"),
    *(*_SHUT, *_PUTS_OFF, "mx-deferred"),
)
_POLICY = ("missing", "differs", "several", "not-everywhere", "unresolved", "cached", "result")

# Cause -> problems that it explains.
TABLE: dict[str, tuple[str, ...]] = {
    # the host as a whole
    "host-down": _HOST,
    "host-silent": _HOST,
    "setup-failed": _HOST,
    "setup-unfinished": _HOST,
    "volume-missing": (*_VOLUME, "tables-refused", "tables-stale"),
    "disk-full": (
        *("service-stopped", "service-silent", "status-unread"),
        *("tables-refused", "tables-unread", "tables-stale"),
        *("port-silent", "port-deferred", "mx-deferred"),
    ),
    "disk-low": (_WATCHED,),
    "clock-off": ("tables-unread", _WATCHED),
    # its limit on our address
    "client-limited": _at((*LOGINS, IMAPS), *_SHUT, *_PUTS_OFF),
    # its security group
    # it drops packets that it does not allow: a port that refuses was reached
    **{f"group-closed in tcp-{port}": _at([port], "port-filtered") for port in PORTS},
    "group-closed in tcp-465": (*_at([SUBMISSIONS], "port-filtered"), _NO_ANSWER),
    "group-closed out mail": ("egress-blocked", "queue-waiting"),
    "group-closed out tcp-443": ("host-silent", "tables-unread", "tables-stale", *_TABLES),
    # its services
    "service-stopped mail-relay-volume.service": _VOLUME,
    "service-stopped postfix.service": (*_at(POSTFIX, *_SHUT, *_PUTS_OFF), _NO_ANSWER),
    "service-stopped opendkim.service": _at(LOGINS, *_PUTS_OFF),
    "service-stopped opendkim-verify.service": (*_at([SMTP], *_PUTS_OFF), "mx-deferred"),
    "service-stopped opendmarc.service": (*_at([SMTP], *_PUTS_OFF), "mx-deferred"),
    "service-stopped mail-relay-guard.service": (*_at(POSTFIX, *_PUTS_OFF), "mx-deferred"),
    "service-stopped postsrsd.service": (*_at(POSTFIX, *_PUTS_OFF), "mx-deferred"),
    "service-stopped dovecot.service": (
        *_at([IMAPS], *_SHUT, *_PUTS_OFF),
        *_at(LOGINS, *_PUTS_OFF, "auth-missing"),
        "mx-deferred",
    ),
    "service-stopped mail-relay-tables.timer": ("tables-stale", "tables-old", *_TABLES),
    "service-stopped certbot.timer": ("certificate-ends", "certificate-expired", _WATCHED),
    # its certificate
    "certificate-missing": (
        *_at((*LOGINS, IMAPS), *_SHUT),
        *_at([SMTP], "starttls-missing"),
        # Postfix was configured while there was a certificate
        *_at(POSTFIX, "tls-fails"),
        *_at([SUBMISSIONS, IMAPS], "port-silent"),
        _NO_ANSWER,
        "service-stopped mail-relay-certificate.service",
        "service-stopped dovecot.service",
    ),
    "certificate-name": ("submission-certificate",),
    "certificate-expired": (_WATCHED,),
    "certificate-ends": (_WATCHED,),
    # its tables
    **dict.fromkeys(("tables-changed", "tables-unread", "tables-refused", "tables-stale"), _TABLES),
    "tables-old": _TABLES,
    # outbound mail
    "egress-blocked": ("queue-waiting", _SMARTHOST),
    "queue-waiting": (_SMARTHOST,),
    # ports, if no host's status has the reason
    **dict.fromkeys(_at([SMTP], *_PUTS_OFF), ("mx-deferred",)),
    # names
    "address-cached": ("ptr-unconfirmed",),
    **{f"dkim-{ending}": _KEY for ending in _KEYS},
    **{f"{kind}-{ending}": ("dmarc-fails",) for kind in ("spf", "helo-spf") for ending in _POLICY},
}

# A service that hangs has the effects of one that is stopped.
TABLE |= {f"service-silent {unit}": TABLE.get(f"service-stopped {unit}", ()) for unit in ASKED}
# the unread file may be one that lists the host's file systems
TABLE["status-unread"] = ("volume-missing",)

# Each of these has one cause, at however many ports of a host.
_ONE_POSTFIX = (
    *("port-closed", *_PUTS_OFF, "greeting-name", "starttls-missing", "tls-fails"),
    *("auth-missing", "auth-before-tls"),
)
_ONE_HOST = (
    *("port-filtered", "certificate-name", "certificate-untrusted", "certificate-expired"),
    "certificate-ends",
)


@dataclass(frozen=True)
class _Found:
    """A problem and where it was found, by its place among the results."""

    number: int
    result: Result
    problem: Problem

    @property
    def key(self) -> str:
        return self.result.key(self.problem)

    @property
    def keys(self) -> set[str]:
        """The problem's names in the table."""
        code, parts = self.problem.code, self.problem.parts or (self.port,)
        return {code, *(f"{code} {part}" for part in parts)}

    @property
    def host(self) -> str:
        """The host or the domain of the problem."""
        return self.result.subject.partition(":")[0]

    @property
    def is_error(self) -> bool:
        return self.problem in self.result.errors

    @property
    def reports(self) -> bool:
        """Whether the problem is a unit that fails in order to report something."""
        return not self.keys.isdisjoint((_WATCHED, _SMARTHOST))

    @property
    def port(self) -> str:
        """The problem's port, "" without one."""
        return self.result.subject.partition(":")[2]


def explain(expected: Outputs, results: Sequence[Result]) -> list[Result]:
    """The results with each cause as one error: problems that it explains are skipped.

    A warning that explains an error becomes an error, unless the latter only reports the warning.
    """

    def follows(cause: _Found, effect: _Found) -> bool:
        explained = {name for key in cause.keys for name in TABLE.get(key, ())}
        return not explained.isdisjoint(effect.keys) and _related(expected, cause, effect)

    return _shown(results, follows)


def fold(results: Sequence[Result]) -> list[Result]:
    """The results with one error for a problem that several ports of a host have in common."""

    def follows(cause: _Found, effect: _Found) -> bool:
        code = cause.problem.code
        if code != effect.problem.code or cause.host != effect.host:
            return False
        alike = code in _ONE_HOST or (
            code in _ONE_POSTFIX and str(IMAPS) not in (cause.port, effect.port)
        )
        return alike and cause.number < effect.number

    return _shown(results, follows)


def _related(expected: Outputs, cause: _Found, effect: _Found) -> bool:
    """Whether the cause's subject can affect the effect's subject.

    A host affects its ports; a gateway affects all domains, its HELO name only the domain above it;
    a domain affects its own checks, and the shared SPF policy affects all domains.
    """
    about, of = cause.host, effect.host
    hosts = {host.name for host in expected.hosts}
    if about == of:
        return True
    if cause.result.check == "helo":
        return names.parent(about) == of
    if about in hosts:
        return of not in hosts and any(about == gateway.name for gateway in expected.gateways)
    if cause.result.check == "spf":
        return about not in {domain.name for domain in expected.domains}
    return cause.result.check == "dkim" and about.partition("._domainkey.")[2] == of


def _shown(results: Sequence[Result], follows: Callable[[_Found, _Found], bool]) -> list[Result]:
    """The results with each problem that follows from another one skipped because of its root."""
    found = [_Found(n, r, p) for n, r in enumerate(results) for p in r.problems]
    roots = {id(effect.problem): _root(effect, found, follows) for effect in found}
    explained: dict[int, list[_Found]] = {}
    for effect in found:
        root = roots[id(effect.problem)]
        if root is not effect:
            explained.setdefault(id(root.problem), []).append(effect)
    return [_rebuilt(result, roots, explained) for result in results]


def _root(
    effect: _Found, found: Collection[_Found], follows: Callable[[_Found, _Found], bool]
) -> _Found:
    """The first cause of a problem; the problem itself if nothing explains it."""
    seen = [effect]
    while True:
        causes = (c for c in found if c not in seen and follows(c, seen[-1]))
        if (cause := next(causes, None)) is None:
            return seen[-1]
        seen.append(cause)


def _rebuilt(
    result: Result, roots: dict[int, _Found], explained: dict[int, list[_Found]]
) -> Result:
    errors: list[Problem] = []
    warnings: list[Problem] = []
    reasons = [result.skipped] if result.skipped else []
    for problem in result.problems:
        root = roots[id(problem)]
        if root.problem is not problem:
            reasons.append(f"because of {root.key}: {problem.text}")
            continue
        effects = explained.get(id(problem), [])
        keys = tuple(dict.fromkeys((*problem.explains, *(effect.key for effect in effects))))
        raised = problem.code not in _FOR_US and any(
            effect.is_error and not effect.reports for effect in effects
        )
        into = errors if raised or problem in result.errors else warnings
        into.append(replace(problem, explains=keys))
    return replace(result, errors=errors, warnings=warnings, skipped="; ".join(reasons))
