"""A change, as every part of the report sees it."""

from dataclasses import dataclass

from ops.review.preview import SAME, Preview, Step
from ops.review.snapshots import Snapshot
from settings import Settings


@dataclass(frozen=True)
class Change:
    """The steps of a preview, and the settings before and after it.

    `start` is None if nothing is up yet, or if the settings before cannot be read.
    """

    preview: Preview
    start: Snapshot | None
    end: Snapshot

    @property
    def before(self) -> Settings | None:
        """The settings that the change starts from."""
        return self.start.settings if self.start else None

    @property
    def after(self) -> Settings:
        """The settings after the change."""
        return self.end.settings

    @property
    def settings_compare(self) -> bool:
        """Whether the settings before the change are known, so that they can be compared."""
        return self.start is not None or self.preview.is_first

    @property
    def secrets_compare(self) -> bool:
        """Whether passwords and keys can be compared."""
        return self.start is None or self.start.secrets_read

    @property
    def addresses(self) -> dict[str, str]:
        """The public addresses that stay, by host, as far as the state has them."""
        kept = [step for step in self.preview.of("Eip") if step.stays and step.outputs]
        return {
            s.name: s.outputs["publicIp"] for s in kept if s.outputs and "publicIp" in s.outputs
        }

    @property
    def renamed(self) -> tuple[str, str] | None:
        """The only gateway's name before and after, if it changes."""
        before = self.before.gateways if self.before else ()
        names = tuple(gateway.name for gateway in (*before, *self.after.gateways))
        return names if len(names) == 2 and names[0] != names[1] and len(before) == 1 else None

    @property
    def domains(self) -> dict[str, str]:
        """The operation on each domain; if the preview fails, as the settings show it."""
        found = {step.name: step.op for step in self.preview.of("MailDomain")}
        before, after = (
            {domain.name for domain in s.mail_domains} if s else set()
            for s in (self.before, self.after)
        )
        known = dict.fromkeys(before - after, "delete")
        if self.preview.errors and self.settings_compare:
            known |= dict.fromkeys(after - before, "create") | dict.fromkeys(before & after, SAME)
        return dict(sorted({**known, **found}.items()))

    def host(self, name: str) -> str:
        """A host's kind and name."""
        known = [s for s in (self.before, self.after) if s]
        if name in {gateway.name for s in known for gateway in s.gateways}:
            return f"gateway {name}"
        private = name in {c.name for s in known for c in s.private_clients}
        return f"{'private client host' if private else 'client host'} {name}"

    def identity(self, kind: str, host: str) -> Step | None:
        """The step of a resource of a host's identity, such as its Eip; None if it has none."""
        return next((s for s in self.preview.of(kind) if s.name == host), None)
