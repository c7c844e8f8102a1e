"""The real engine, the plug-in and the API, on loopback, without machines."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import language as language_host
import pytest
import yaml
from stacks import PROJECT, Region, Stack, credentials

from lab.wait import until

START_SECONDS = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def language() -> Iterator[str]:
    with language_host.serving(PROJECT) as address:
        yield address


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory, language: str) -> Iterator[Region]:
    directory = tmp_path_factory.mktemp("region")
    process, port, dns_port = _started(directory)
    url = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{url}/_lab/state", timeout=10) as answer:  # noqa: S310
        json.load(answer)
    with _plugin("aws", url) as aws, _plugin("cloudinit", url) as cloudinit:
        yield Region(url, f"{aws},{cloudinit}", language, dns_port)
    process.terminate()
    process.wait()


def _started(directory: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """A region that listens, and its ports; another process may take a free one first."""
    ready, log = directory / "ready", directory / "log"
    while True:
        port, dns_port = _free_port(), _free_port()
        command = [sys.executable, "-m", "lab.region", f"--port={port}", f"--ready={ready}"]
        command.append(f"--dns=127.0.0.1:{dns_port}")
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output)
        until(
            "the region is ready",
            partial(lambda region: ready.exists() or region.poll() is not None, process),
            START_SECONDS,
        )
        if process.poll() is None:
            return process, port, dns_port
        assert "in use" in log.read_text(), log.read_text()


@contextmanager
def _plugin(kind: str, url: str) -> Iterator[str]:
    command = [sys.executable, "-m", "lab.provider", kind]
    environment = {**os.environ, **credentials(url)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=pipe, text=True) as process:
        assert process.stdout
        yield f"{kind}:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture(scope="module")
def stack(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    made = Stack(region, tmp_path_factory.mktemp("stack"))
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    made.write(config)
    for zone in ("relay.example", "shop.example"):
        region.client("route53").create_hosted_zone(Name=zone, CallerReference=zone)
    code, said = made.pulumi("stack", "init", "test")
    assert code == 0, said
    return made
