"""An https endpoint on the lab's internet, as a service that calls people has it, for SNS."""

import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.access import entered
from lab.internet.authority import Authority
from lab.internet.inbox import Inbox
from lab.internet.services import TRUST
from lab.internet.stranger import put_zone
from lab.lab import Lab
from lab.machines.network import PROBE
from lab.region.sns.notices import CONFIRMATION, NOTIFICATION
from lab.wait import until

NAME, PORT = "hook.example", 8443


@dataclass
class Endpoint:
    """The endpoint at `url`; `got` has SNS's messages, decoded, in the order of their arrival."""

    lab: Lab
    url: str = f"https://{NAME}:{PORT}/sns"
    got: list[dict[str, Any]] = field(default_factory=list)

    def confirm(self, seconds: float = 60) -> str:
        """Wait for SNS's request and follow its address, as the service would do by itself."""
        asked = until("SNS asks to confirm", lambda: self._of(CONFIRMATION), seconds)
        return Inbox(self.lab).visit(asked[-1]["SubscribeURL"])

    def alarms(self) -> list[dict[str, Any]]:
        """What CloudWatch told: `AlarmName`, `OldStateValue`, `NewStateValue` and others."""
        return [json.loads(told["Message"]) for told in self._of(NOTIFICATION)]

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [told for told in self.got if told["Type"] == kind]


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.endpoint.got.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def endpoint(lab: Lab) -> Iterator[Endpoint]:
    """Listen at the probe's address, with a certificate that Amazon trusts, until the block ends.

    Its authority joins those of the inbox's machine, which are also Amazon's in the lab.
    """
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(NAME))
        with (lab.directory / "machines/inbox/root" / TRUST).open("a") as bundle:
            bundle.write(authority.certificate.read_text())
    with entered(f"{lab.namespace}-probe"):
        server = ThreadingHTTPServer((PROBE, PORT), _Handler)
    server.daemon_threads = True
    made = Endpoint(lab)
    setattr(server, "endpoint", made)  # noqa: B010
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    put_zone(lab, NAME, [[NAME, "A", 60, PROBE]])
    try:
        yield made
    finally:
        put_zone(lab, NAME, [])
        server.shutdown()
        server.server_close()
