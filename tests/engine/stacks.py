"""A region of its own, and stacks in it."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws
import yaml

from lab.region_client import RegionClient
from ops import engine
from ops.lab import plugins
from ops.outputs import Outputs, read

PROJECT = Path(__file__).resolve().parents[2]
# A key itself, in a text that is quoted once or twice: the agent's source has the first words.
PRIVATE_KEY = re.compile(r"BEGIN PRIVATE KEY-----\\*n[\w+/]{32}")


@dataclass(frozen=True)
class Region:
    """A region of its own, and what serves the engine in it instead of processes of its own.

    `plugins` is `aws:PORT,cloudinit:PORT`, `language` is `python:PORT`; its DNS is at `dns_port` of
    127.0.0.1.
    """

    url: str
    plugins: str
    language: str
    dns_port: int

    @property
    def control(self) -> RegionClient:
        return RegionClient(self.url)

    def client(self, service: str) -> Any:
        return aws.client(service, self.url)


def credentials(url: str) -> dict[str, str]:
    """The environment in which a region is used."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


@dataclass(frozen=True)
class Stack:
    """A stack of the project, or of a small program, with the real engine.

    A `warm` program is forked from a process that has imported it, and reaches no AWS by itself.
    """

    region: Region
    directory: Path
    program: Path = PROJECT
    warm: bool = True

    def write(self, config: dict[str, Any], project: str | None = None) -> None:
        """Write the settings."""
        text = project or (PROJECT / "Pulumi.yaml").read_text()
        (self.directory / "Pulumi.yaml").write_text(text)
        file = self.directory / "Pulumi.test.yaml"
        kept = yaml.safe_load(file.read_text()) if file.exists() else {}
        # no machine is behind the instances of a region alone
        config = {"mail-relay:wait": {"minutes": 0}, **config}
        file.write_text(yaml.safe_dump({**kept, "config": config}))

    def environment(self) -> dict[str, str]:
        """What `pulumi` is run in."""
        home = self.directory / "home"
        plugins.install(home)
        own = {
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": self.region.plugins,
            **self._language(),
            **credentials(self.region.url),
        }
        return engine.environment(home, own, self.program)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`pulumi ARGUMENTS` as a process group of its own, to be read and broken off."""
        return subprocess.Popen(
            [str(engine.engine()), *arguments],
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `pulumi ARGUMENTS`."""
        log = self.directory / "output"
        with log.open("wb") as output:
            process = subprocess.run(
                [str(engine.engine()), *arguments],
                cwd=self.directory,
                env=self.environment(),
                stdout=output,
                stderr=output,
                check=False,
            )
        return process.returncode, log.read_text()

    def export(self) -> dict[str, Any]:
        """The state, as `pulumi stack export` has it."""
        code, said = self.pulumi("stack", "export", "--stack=test")
        assert code == 0, said
        return json.loads(said)["deployment"]

    def _language(self) -> dict[str, str]:
        warm = {"PULUMI_DEBUG_LANGUAGES": self.region.language}
        return warm if self.program == PROJECT and self.warm else {}

    def up(self, *arguments: str) -> str:
        """`pulumi up`, which must work."""
        code, said = self.pulumi("up", "--yes", "--skip-preview", "--stack=test", *arguments)
        assert code == 0, said
        return said

    def outputs(self) -> Outputs:
        code, said = self.pulumi("stack", "output", "--json", "--show-secrets", "--stack=test")
        assert code == 0, said
        return read(json.loads(said))


@contextmanager
def quota(stack: Stack, code: str, value: int, usual: int) -> Iterator[None]:
    """A quota of the account for a while, by its code."""
    stack.region.control.put(f"account/quotas/{code}", {"value": value})
    yield
    stack.region.control.put(f"account/quotas/{code}", {"value": usual})
