"""Examples of calls, which `--help` shows below the options of each command."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "lab up": ("./relay lab up --example basics",),
    "lab shell": (
        "./relay lab shell gateway",
        "./relay lab shell laptop -- curl -v smtps://mail.a.example",
    ),
    "users add": (
        "./relay users add me@a.example",
        "./relay users add news@a.example --send-as news@a.example --send-as @b.example",
    ),
    "users change": (
        "./relay users change me@a.example --send-as me@a.example --send-as @b.example",
        "./relay users change me@a.example --new-password",
        "pass show mail | ./relay users change me@a.example --password-stdin",
    ),
    "users show": ("./relay users show me@a.example --password",),
    "users test": ("./relay users test me@a.example --wait",),
    "domains add": (
        "./relay domains add b.example --dmarc quarantine --reports dmarc@a.example",
        "./relay domains add b.example --spf gateways --spf include:spf.c.example",
    ),
    "domains change": (
        "./relay domains change b.example --dmarc reject --spf-all -all",
        './relay domains change b.example --mx "10 mx.b.example" --mx mail.a.example',
        "./relay domains change b.example --reset mx",
    ),
    "domains park": ("./relay domains park parked.example",),
    "forwards add": (
        "./relay forwards add info@a.example you@far.example they@far.example",
        "./relay forwards add @a.example you@far.example",
    ),
    "forwards change": ("./relay forwards change info@a.example you@far.example",),
    "forwards test": ("./relay forwards test info@a.example",),
    "mailboxes add": ("./relay mailboxes add me@a.example --quota 2048",),
    "mailboxes change": ("./relay mailboxes change me@a.example --quota 4096",),
    "queue list": ("./relay queue list --host gateway",),
    "queue flush": (
        "./relay queue flush --to @far.example",
        "./relay queue flush 4jb1Y40GBNzyPK",
    ),
    "queue hold": ("./relay queue hold --from me@a.example",),
    "queue release": ("./relay queue release --all",),
    "queue delete": (
        "./relay queue delete --from '<>' --to you@far.example",
        "./relay queue delete 4jb1Y40GBNzyPK --yes",
    ),
    "trace": (
        "./relay trace you@far.example",
        "./relay trace me@a.example --limit 5",
    ),
    "test": ("./relay test you@far.example --login me@a.example --from sales@a.example",),
    "verify": ("./relay verify --domain b.example --wait",),
    "rotate": (
        "./relay rotate --domain b.example",
        "./relay rotate --all --every 90d --dry-run",
    ),
    "review": (
        "./relay review --base origin/main",
        "./relay review --lab dev --file Pulumi.prod.yaml",
    ),
    "env up": ("./relay env up try --ttl 4h",),
    "env down": ("./relay env down try",),
}


def epilog(command: str) -> str | None:
    """The examples of a command, named by its words, as typer's `epilog`; None if it has none."""
    lines = EXAMPLES.get(command)
    # to typer, an empty line ends a line
    return "\n\n".join(["For example:", *lines]) if lines else None
