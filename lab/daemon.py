"""The process behind a lab: its services, its inbox, and the reconciler, until SIGTERM.

Runs inside the lab's namespace (`python -m lab.daemon NAME`), started by `relay lab up`. It
logs to `daemon.log` in the lab's directory; the file `ready` appears when all services run.
"""

import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from lab.internet import inbox, private_zones, services, smarthost
from lab.internet.authority import Authority
from lab.lab import Lab
from lab.machines import image, network
from lab.machines.machine import EXIT_REBOOT, Machine
from lab.machines.network import Link
from lab.machines.reconciler import Reconciler
from lab.machines.state import RegionState
from lab.region.health import CHECKERS
from lab.region.sns.courier import SES_ADDRESS
from lab.region_client import RegionClient
from lab.wait import until

log = logging.getLogger("lab")
PASS_SECONDS = 0.3
START_SECONDS = 30
PROJECT = Path(__file__).resolve().parent.parent


class Daemon:
    """Starts everything in order, follows the region, and stops everything in order."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.region = RegionClient(lab.api_url)
        self.services: dict[str, subprocess.Popen[bytes]] = {}
        self.end = threading.Event()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end.set())
        host_image = image.host_image(log.info)
        authority = Authority(self.lab.directory / "authority")
        self._connect_amazon()
        for name, command in services.commands(self.lab, authority, host_image).items():
            self._start(name, command)
        trust = authority.certificate.read_text() + self._acme_root(authority)
        self.region.wait_until_up(60)
        self.region.put("dns/records", {"zone": inbox.DOMAIN, "records": inbox.RECORDS})
        others = [self._start_inbox(authority, trust)]
        reconciler = Reconciler(
            self.lab, host_image, trust, self.region.instance_stopped, self.region.snapshot_copied
        )
        (self.lab.directory / "ready").touch()
        try:
            while not self.end.wait(PASS_SECONDS):
                self._check_services()
                for other in others:
                    self._look_after(other)
                try:
                    if len(others) == 1 and smarthost.Smarthost(self.lab).file.exists():
                        others.append(self._start_smarthost(authority, trust))
                    state = RegionState.model_validate(self.region.get("state"))
                    reconciler.follow(state)
                    private_zones.apply(self.lab, state.private_zones)
                except Exception:  # a failed pass is logged and tried again
                    log.exception("this pass failed")
                    self.end.wait(2)
        finally:
            reconciler.close()
            for other in others:
                other.power_off()
            for process in reversed(self.services.values()):
                process.terminate()
                process.wait()

    def _start(self, name: str, command: list[str]) -> None:
        if command[0] == "python":
            command = [sys.executable, *command[1:]]
        environment = {
            **os.environ,
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": "0",
            "PEBBLE_AUTHZREUSE": "0",  # a challenge for each certificate
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        }
        with (self.lab.directory / f"{name}.log").open("ab") as output:
            self.services[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=PROJECT,
            )

    def _check_services(self) -> None:
        for name, process in self.services.items():
            if process.poll() is not None:
                raise SystemExit(
                    f"the service {name} ended with {process.returncode}; see "
                    f"{self.lab.directory}/{name}.log"
                )

    def _acme_root(self, authority: Authority) -> str:
        """The root certificate of pebble, which makes a new one at each start."""
        context = ssl.create_default_context(cafile=str(authority.certificate))
        url = f"https://localhost:{services.PEBBLE_MANAGEMENT_PORT}/roots/0"

        def root() -> str:
            self._check_services()
            try:
                with urllib.request.urlopen(url, context=context, timeout=5) as answer:  # noqa: S310
                    return answer.read().decode()
            except urllib.error.URLError:
                return ""

        return until(f"{url} answers", root, START_SECONDS)

    def _start_inbox(self, authority: Authority, trust: str) -> Machine:
        machine = inbox.machine(self.lab, image.inbox_image(log.info))
        self._connect(machine.link)
        self._connect(network.other(self.lab, "probe"))
        machine.create(trust)
        inbox.write_files(machine.root, authority)
        machine.boot()
        return machine

    def _start_smarthost(self, authority: Authority, trust: str) -> Machine:
        """Start the smarthost's machine once a stack has accounts there."""
        self.region.put("dns/records", {"zone": smarthost.DOMAIN, "records": smarthost.RECORDS})
        machine = smarthost.machine(self.lab, image.inbox_image(log.info), authority, trust)
        self._connect(machine.link)
        machine.boot()
        return machine

    def _connect_amazon(self) -> None:
        """Connect Amazon's own computers to the internet, so security groups apply to them.

        They are Route53's health checkers, and the hosts that SNS sends from.
        """
        checkers = [address for each in CHECKERS.values() for address in each]
        for name, addresses in (("checkers", checkers), ("amazon", [SES_ADDRESS])):
            link = network.other(self.lab, name)
            self._connect(link)
            network.add_addresses(self.lab, link, addresses)

    def _connect(self, link: Link) -> None:
        network.connect(self.lab, link)
        network.configure(link)

    def _look_after(self, machine: Machine) -> None:
        if machine.process is not None and machine.process.poll() == EXIT_REBOOT:
            network.configure(machine.link)
            machine.boot()
        machine.note_leader()


def main() -> None:
    """Command line: the lab's name."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    lab = Lab(sys.argv[1])
    (lab.directory / "daemon.pid").write_text(str(os.getpid()))
    Daemon(lab).run()


if __name__ == "__main__":
    main()
