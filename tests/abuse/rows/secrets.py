"""Keys and passwords: who on a host, and which host, can read what."""

import shlex

from abuse.place import Place
from abuse.probes import on_host
from abuse.row import Mutant, Probe, refused, rows
from ops.lab import region

TOKEN = "http://169.254.169.254/latest/api/token"
OPEN_METADATA = Mutant(
    "every user reaches the metadata service",
    script="nft flush ruleset",
    back="nft -f /etc/nftables.conf; "
    "[ ! -x /usr/local/lib/mail-relay/firewall ] || /usr/local/lib/mail-relay/firewall",
)
MODES = "/run/battery-modes"
SECRET = "/srv/mail/tables /etc/letsencrypt /etc/postsrsd.secret /srv/mail/mailboxes"
READABLE = Mutant(
    "every user reads every file",
    script=f"for top in {SECRET}; do [ -e $top ] && find $top/ $top -printf '%m %p\\n'; done "
    f"> {MODES} 2>/dev/null || true; for top in {SECRET}; do [ -e $top ] && chmod -R a+rX $top; "
    "done; find /etc/letsencrypt -name 'privkey*.pem' -exec chmod a+r {} +",
    back=f"while read mode path; do chmod $mode $path; done < {MODES}; rm {MODES}",
)
OTHERS_TABLES = Mutant(
    "every host reads every object",
    allows="s3:*",
)


def metadata(user: str, host: str = "gateway") -> Probe:
    """A system user asks for the keys of the host's role."""
    script = (
        f"runuser -u {user} -- curl -s -m 4 -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60 "
        f"{TOKEN} || echo closed"
    )
    return on_host(script, host)


def reads(user: str, file: str) -> Probe:
    """A system user reads a file, named by a shell's pattern."""
    read = f'for file in {file}; do cat "$file" 2>&1 | head -c 80; done'
    return on_host(f"runuser -u {user} -- sh -c {shlex.quote(read)}")


def bucket(key: str, host: str = "client") -> Probe:
    """A host asks for an object that is not its own."""

    def probe(place: Place) -> str:
        name = place.gateway.status.split("/")[2]
        return place.run(
            *("aws", f"--region={region.NAME}", "s3api", "get-object", f"--bucket={name}"),
            f"--key={place.fill(key)}",
            "/dev/null",
            host=host,
        )

    return probe


DENIED = refused(r".*Permission denied")
ROWS = (
    *rows(
        "secrets",
        OPEN_METADATA,
        refused("closed"),
        {
            f"the role's keys for {user}": metadata(user)
            for user in ("nobody", "postfix", "opendkim", "opendmarc", "postsrsd")
        },
    ),
    *rows(
        "secrets",
        OPEN_METADATA,
        refused("closed"),
        {"the role's keys for the judge of signatures": metadata("opendkim-verify")},
    ),
    *rows(
        "secrets",
        READABLE,
        DENIED,
        {
            "the signing keys for the judge of signatures": reads(
                "opendkim-verify", "/srv/mail/tables/current/keys/*/*.pem"
            ),
            "the signing keys for the judge of policies": reads(
                "opendmarc", "/srv/mail/tables/current/keys/*/*.pem"
            ),
            "the signing keys for Postfix": reads(
                "postfix", "/srv/mail/tables/current/keys/*/*.pem"
            ),
            "the signing keys for nobody": reads("nobody", "/srv/mail/tables/current/keys/*/*.pem"),
            "the passwords for nobody": reads("nobody", "/srv/mail/tables/current/passwords.*"),
            "the passwords for the signer": reads(
                "opendkim", "/srv/mail/tables/current/passwords.*"
            ),
            "the passwords for the judge of signatures": reads(
                "opendkim-verify", "/srv/mail/tables/current/passwords.*"
            ),
            "the tables as they came for nobody": reads("nobody", "/srv/mail/tables/bundle.json"),
            "the tables as they came for Postfix": reads("postfix", "/srv/mail/tables/bundle.json"),
            "the certificate's key for nobody": reads(
                "nobody", "/etc/letsencrypt/live/*/privkey.pem"
            ),
            "the certificate's key for the signer": reads(
                "opendkim", "/etc/letsencrypt/live/*/privkey.pem"
            ),
            "the secret of SRS for nobody": reads("nobody", "/etc/postsrsd.secret"),
        },
    ),
    *rows(
        "secrets",
        READABLE,
        DENIED,
        {
            "a mailbox for nobody": reads("nobody", "/srv/mail/mailboxes"),
        },
        needs="mailboxes",
    ),
    *rows(
        "secrets",
        READABLE,
        DENIED,
        {
            "the provider's passwords for nobody": reads(
                "nobody", "/srv/mail/tables/current/smarthost_passwords"
            )
        },
        needs="smarthost",
    ),
    *rows(
        "secrets",
        OTHERS_TABLES,
        refused(r".*(AccessDenied|403)"),
        {
            "the gateway's tables for a client": bucket("gateway.json"),
            "the gateway's status for a client": bucket("status/{host}.json"),
        },
        needs="clients",
    ),
)
