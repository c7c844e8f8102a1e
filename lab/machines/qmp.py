"""QEMU's control socket (QMP, docs/interop/qmp-spec): one command after the other."""

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 30


class QmpError(Exception):
    """QEMU refused a command; the text is QEMU's."""


class Qmp:
    """A connection; a command that QEMU refuses is a QmpError, silence a TimeoutError."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw")
        self._events: list[dict[str, Any]] = []
        self._lines.readline()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """The answer to a command; events before it are kept for `wait_for`."""
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._lines.flush()
        while "event" in (answer := self._read()):
            self._events.append(answer)
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def wait_for(self, event: str, **data: Any) -> None:
        """Return once this event with these data has occurred."""
        while True:
            for seen in self._events:
                if seen["event"] == event and data.items() <= seen.get("data", {}).items():
                    return
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU has ended")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._socket.close()
