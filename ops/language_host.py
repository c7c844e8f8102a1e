"""The language host: runs the program when the engine asks, in a process of its own.

The engine starts it as `pulumi-language-python`; it prints its port and serves until the engine
ends it or is gone. The SDK keeps the state of a deployment in its process: one process for each
run keeps runs apart.
"""

import os
import runpy
import signal
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

MESSAGE_SIZE = 400 * 1024 * 1024


def main() -> None:
    """Serve the program in the folder that the command line names."""
    # the engine ends its plug-ins so, and KeyboardInterrupt would show as an error of the program
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    engine = os.getppid()
    directory = Path(sys.argv[1])
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=4),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_SIZE),
            ("grpc.max_send_message_length", MESSAGE_SIZE),
        ],
    )

    def program() -> None:
        runpy.run_path(str(directory / "__main__.py"), run_name="__main__")

    language = LanguageServer(program)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(language, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:
        time.sleep(1)


if __name__ == "__main__":
    main()
