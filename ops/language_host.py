"""The language host: runs the program, and policy packs, when the engine asks.

The engine starts it as `pulumi-language-python`; it prints its port and serves until the engine
ends it or is gone. The SDK keeps the state of a deployment in its process: one process for each
run keeps runs apart.
"""

import os
import runpy
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

MESSAGE_SIZE = 400 * 1024 * 1024
PIPE_SIZE = 65536


class LanguageHost(LanguageServer):
    """The SDK's own server, which lacks the running of policy packs, and the program's warnings.

    `engine_address` is where the engine takes them.
    """

    engine_address = ""

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        """Run the program; what it logs goes to the engine."""
        request.args.insert(0, self.engine_address)
        return without_repetition(super().Run(request, context))

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack by the SDK's own module for it, and hand on what it writes."""
        answer = language_pb2.RunPluginResponse
        folder = request.info.program_directory
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder],
            cwd=folder,
            env=dict(item.split("=", 1) for item in request.env) or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(process.terminate)  # the engine has done with it
        with selectors.DefaultSelector() as pipes:
            assert process.stdout and process.stderr  # pipes, as asked for
            read = selectors.EVENT_READ
            pipes.register(process.stdout, read, lambda piece: answer(stdout=piece))
            pipes.register(process.stderr, read, lambda piece: answer(stderr=piece))
            while pipes.get_map():
                for key, _ in pipes.select():
                    if piece := os.read(key.fd, PIPE_SIZE):
                        yield key.data(piece)
                    else:
                        pipes.unregister(key.fileobj)
        yield answer(exitcode=process.wait())


def without_repetition(response: language_pb2.RunResponse) -> language_pb2.RunResponse:
    """A program's answer; its error was logged, and the engine would show it a second time."""
    return language_pb2.RunResponse(bail=True) if response.error else response


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

    host = LanguageHost(program)
    host.engine_address = sys.argv[-1]
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:
        time.sleep(1)
    server.stop(None)  # which ends a policy pack as well


if __name__ == "__main__":
    main()
