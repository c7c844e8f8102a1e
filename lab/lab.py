"""One lab: its name, where its state is, and the namespace that is its internet."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

HOME = Path(os.environ.get("MAIL_RELAY_LAB_HOME", "/var/lib/mail-relay-lab"))
API_PORT = 4566
NAME = r"[a-z][a-z0-9]{0,9}"


@dataclass(frozen=True)
class Lab:
    """A lab by its name: 1 to 10 letters and digits, beginning with a letter."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise ValueError(
                f"a lab's name is 1 to 10 of a-z and 0-9, a letter first: {self.name!r}"
            )

    @property
    def directory(self) -> Path:
        """The directory of the lab's state; removed by `lab down`."""
        return HOME / self.name

    @property
    def namespace(self) -> str:
        """The network namespace that is the lab's internet and its router."""
        return f"mr-{self.name}"

    @property
    def api_url(self) -> str:
        """The URL of the AWS API inside the namespace."""
        return f"http://127.0.0.1:{API_PORT}"

    @property
    def administrator(self) -> dict[str, str]:
        """Environment variables that make AWS's programs the administrator inside the namespace."""
        return {
            "AWS_ENDPOINT_URL": self.api_url,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
        }

    def inside(self, *command: str) -> list[str]:
        """The command line that runs `command` inside the lab's namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]


def every() -> list[Lab]:
    """The labs that have a directory on this computer, by name; not all of them need be up."""
    names = sorted(path.name for path in HOME.iterdir()) if HOME.is_dir() else []
    return [Lab(name) for name in names if re.fullmatch(NAME, name)]
