"""Starts and removes a lab, also after an interrupted run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common.errors import RelayError
from common.shell import attempt, run
from lab.internet import services
from lab.lab import Lab
from lab.machines import network, routes
from lab.machines.image import host_image, inbox_image
from lab.tools import missing
from lab.wait import within

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
STOP_SECONDS = 150
KILL_SECONDS = 30

Progress = Callable[[str], None]


class LabError(RelayError):
    """The lab cannot be started or removed; the text names the remedy."""


def running(lab: Lab) -> bool:
    """Whether the lab's process runs and its services are up; LabError if it needs root."""
    try:
        return _daemon(lab) is not None and (lab.directory / "ready").exists()
    except PermissionError:
        raise LabError(f"the lab {lab.name} is root's: run it as root") from None


def start(lab: Lab, progress: Progress) -> None:
    """Start network, services and inbox, unless they run already."""
    if running(lab):
        return
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and machines: run it as root")
    if packages := missing():
        raise LabError(f"install what the lab needs: apt-get install {' '.join(packages)}")
    if remains(lab):
        progress("clearing away what an interrupted run left")
        remove(lab)
    host_image(progress)
    inbox_image(progress)
    progress("starting network, DNS, AWS API, ACME, package cache and inbox")
    services.start_package_cache()
    lab.directory.mkdir(parents=True, mode=0o700)
    network.make_router(lab)
    routes.prepare(lab)
    with (lab.directory / "daemon.log").open("ab") as output:
        process = subprocess.Popen(
            lab.inside(sys.executable, "-m", "lab.daemon", lab.name),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=PROJECT,
            start_new_session=True,
        )
    ready = lab.directory / "ready"
    within(START_SECONDS, lambda: ready.exists() or process.poll() is not None)
    if not ready.exists():
        raise LabError(f"the lab did not start; see {lab.directory}/daemon.log")


def _daemon(lab: Lab) -> int | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = int((lab.directory / "daemon.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"lab.daemon" in command and lab.name.encode() in command:
            return pid
    return None


def remove(lab: Lab) -> None:
    """Remove everything that has the lab's name, in whatever state it is."""
    if (pid := _daemon(lab)) is not None:
        os.kill(pid, signal.SIGTERM)
        within(STOP_SECONDS, lambda: _daemon(lab) is None)
    within(KILL_SECONDS, lambda: not _kill(_processes(lab)))
    for mount in reversed(_mounts(lab)):
        attempt("umount", "--lazy", mount)
    for loop in _loops(lab):
        attempt("losetup", "--detach", loop)
    for namespace in _namespaces(lab):
        attempt("ip", "netns", "delete", namespace)
    for cgroup in _cgroups(lab):
        for path, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()
    shutil.rmtree(lab.directory, ignore_errors=True)
    services.stop_package_cache_after_the_last_lab()


def _kill(pids: list[int]) -> list[int]:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def remains(lab: Lab) -> list[str]:
    """All objects of the lab that exist on this computer; empty once the lab is removed."""
    found = [f"namespace {name}" for name in _namespaces(lab)]
    found += [f"process {pid}" for pid in _processes(lab)]
    found += [f"mount {path}" for path in _mounts(lab)]
    found += [f"loop device {loop}" for loop in _loops(lab)]
    found += [f"cgroup {path}" for path in _cgroups(lab)]
    return found + ([f"directory {lab.directory}"] if lab.directory.exists() else [])


def _namespaces(lab: Lab) -> list[str]:
    netns = Path("/run/netns")
    names = [path.name for path in netns.iterdir()] if netns.is_dir() else []
    return [n for n in sorted(names) if n == lab.namespace or n.startswith(f"{lab.namespace}-")]


def _processes(lab: Lab) -> list[int]:
    found: set[int] = set()
    for namespace in _namespaces(lab):
        pids = subprocess.run(
            ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
        )
        found |= {int(pid) for pid in pids.stdout.split()}
    return sorted(found - {os.getpid()})


def _mounts(lab: Lab) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [p for line in lines if (p := line.split()[1]).startswith(f"{lab.directory}/")]


def _loops(lab: Lab) -> list[str]:
    listed = run("losetup", "--list", "--json", "--output", "NAME,BACK-FILE").strip()
    devices = json.loads(listed)["loopdevices"] if listed else []
    inside = f"{lab.directory}/"
    return [d["name"] for d in devices if (d["back-file"] or "").startswith(inside)]


def _cgroups(lab: Lab) -> list[Path]:
    base = Path("/sys/fs/cgroup")
    patterns = (f"{lab.namespace}-*", f"*/{lab.namespace}-*")
    return [path for pattern in patterns for path in base.glob(pattern) if path.is_dir()]
