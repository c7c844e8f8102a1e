"""Serve as a plug-in of the engine: `python -m lab.provider aws|cloudinit`."""

import os
import signal
import sys
import threading
import time
from concurrent import futures
from importlib.metadata import version

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from lab.provider.servicer import Provider

MESSAGE_SIZE = 400 * 1024 * 1024
PARENT_SECONDS = 2


def watch_parent() -> None:
    """End when the engine has ended, also if it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)


def main() -> None:
    """Print the port, as the engine expects, and serve."""
    package = {"aws": "pulumi_aws", "cloudinit": "pulumi_cloudinit"}[sys.argv[1]]
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_SIZE),
            ("grpc.max_send_message_length", MESSAGE_SIZE),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(version(package)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    threading.Thread(target=watch_parent, daemon=True).start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
