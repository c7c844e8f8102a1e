"""The lab's region behind real HTTP, for boto3."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import make_server

from lab.region.app import Region
from lab.region.memory import Memory
from lab.region.sns.notices import Delivery
from lab.region_client import RegionClient


@contextmanager
def serving(memory: Memory) -> Iterator[tuple[Callable[[str], Any], RegionClient]]:
    """What makes clients that leave the checks of parameters to the region, and its control API."""
    server = make_server("127.0.0.1", 0, Region(memory), threaded=True)
    # the interval is the time until it ends
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"

    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(parameter_validation=False),
        )

    yield client, RegionClient(url)
    server.shutdown()


def sent(memory: Memory) -> list[Delivery]:
    """What SNS has to deliver since the last time."""
    found: list[Delivery] = []
    while True:
        try:
            found.append(memory.notices.waiting.get_nowait())
        except queue.Empty:
            return found
