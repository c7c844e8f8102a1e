"""Client of the region's control API: state for the reconciler, switches for tests."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from lab.wait import until


@dataclass(frozen=True)
class RegionClient:
    """Speaks JSON with `/_lab/...` of the region at `url`, from inside the lab's namespace."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request and return the decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/_lab/{path}", data, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def get(self, path: str) -> Any:
        """GET a path."""
        return self.call("GET", path)

    def put(self, path: str, body: Any) -> None:
        """PUT a value to a path."""
        self.call("PUT", path, body)

    def instance_stopped(self, identity: str) -> None:
        """Tell the region that an instance powered itself off."""
        self.call("POST", f"instances/{identity}/stopped")

    def snapshot_copied(self, identity: str) -> None:
        """Tell the region that a snapshot's content is copied."""
        self.call("POST", f"snapshots/{identity}/copied")

    def wait_until_up(self, seconds: float) -> None:
        """Return once the region answers."""

        def answers() -> bool:
            try:
                self.get("state")
            except (urllib.error.URLError, ConnectionError):
                return False
            return True

        until(f"{self.url} answers", answers, seconds)
