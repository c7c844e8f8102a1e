"""Examples of calls, which `--help` shows below the options of each command."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "lab up": ("./relay lab up --example basics",),
    "lab send": ("./relay lab send",),
    "lab demo": ("./relay lab demo",),
    "lab status": ("./relay lab status --json",),
    "lab mail": ("./relay lab mail", "./relay lab mail 3"),
    "lab down": ("./relay lab down",),
    "lab break": ("./relay lab break gateway", "./relay lab break zone us-east-1a"),
    "lab mend": ("./relay lab mend gateway", "./relay lab mend zone us-east-1a"),
    "lab logs": ("./relay lab logs gateway --follow",),
    "lab shell": (
        "./relay lab shell gateway",
        "./relay lab shell laptop -- curl -v smtps://mail.a.example",
    ),
    "users list": ("./relay users list --stack prod",),
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
    "users remove": ("./relay users remove me@a.example",),
    "users disable": ("./relay users disable me@a.example",),
    "users enable": ("./relay users enable me@a.example",),
    "users test": ("./relay users test me@a.example --wait",),
    "domains list": ("./relay domains list --lab dev",),
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
    "domains remove": ("./relay domains remove b.example",),
    "domains test": ("./relay domains test b.example --wait",),
    "forwards list": ("./relay forwards list --lab dev",),
    "forwards add": (
        "./relay forwards add info@a.example you@far.example they@far.example",
        "./relay forwards add @a.example you@far.example",
    ),
    "forwards change": ("./relay forwards change info@a.example you@far.example",),
    "forwards remove": ("./relay forwards remove info@a.example",),
    "forwards test": ("./relay forwards test info@a.example",),
    "mailboxes list": ("./relay mailboxes list --lab dev",),
    "mailboxes add": ("./relay mailboxes add me@a.example --quota 2048",),
    "mailboxes change": ("./relay mailboxes change me@a.example --quota 4096",),
    "mailboxes remove": ("./relay mailboxes remove me@a.example",),
    "backups": ("./relay backups --stack prod",),
    "update": ("./relay update --stack prod", "./relay update --stack prod --write"),
    "keys export": (
        "./relay keys export ~/safe/prod.keys",
        "pass show relay | ./relay keys export prod.keys --passphrase-stdin",
        "./relay keys export prod.keys --from-tables --stack prod",
    ),
    "keys restore": (
        "./relay keys restore ~/safe/prod.keys --dry-run",
        "./relay keys restore ~/safe/prod.keys --stack prod",
    ),
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
    "shell": (
        "./relay shell gateway",
        "./relay shell app.a.example --stack prod -- journalctl -u postfix -n 50",
        "./relay shell gateway cat /var/log/mail.log > mail.log",
    ),
    "trace": (
        "./relay trace you@far.example",
        "./relay trace me@a.example --limit 5",
    ),
    "test": ("./relay test you@far.example --login me@a.example --from sales@a.example",),
    "doctor": ("./relay doctor --stack prod",),
    "verify": ("./relay verify --domain b.example --wait",),
    "report": (
        "./relay report --html report.html --stack prod",
        "./relay report --html report.html --hours 168 --lab dev",
    ),
    "rotate": (
        "./relay rotate --domain b.example",
        "./relay rotate --all --every 90d --dry-run",
    ),
    "address replace": (
        "./relay address replace mail.a.example",
        "./relay address replace mail.a.example --dry-run --json",
        "./relay address replace mail.a.example --back",
    ),
    "review": (
        "./relay review --base origin/main",
        "./relay review --lab dev --file Pulumi.dev.yaml",
    ),
    "settle": ("./relay settle --stack prod",),
    "leftovers": ("./relay leftovers --stack prod",),
    "pulumi": ("./relay pulumi preview", "./relay pulumi --lab try stack output"),
    "setup": ("./relay setup",),
    "env list": ("./relay env list --lab dev",),
    "env up": ("./relay env up try --ttl 4h",),
    "env down": ("./relay env down try",),
    "env reap": ("./relay env reap",),
    "github plan-name": ("./relay github plan-name",),
    "github plan": ("./relay github plan --repo me/mail",),
    "github propose": ("./relay github propose keys Pulumi.dev.yaml --title Keys --repo me/mail",),
}


def epilog(command: str) -> str | None:
    """The examples of a command such as "users add" as typer's `epilog`, or None."""
    lines = EXAMPLES.get(command)
    # to typer, an empty line ends a line
    return "\n\n".join(["For example:", *lines]) if lines else None
