"""The language host: runs the program, and policy packs, for the engine.

The engine starts it as `pulumi-language-python`; it prints its port and serves until the engine
stops it or exits. The SDK keeps the state of a deployment in its process, so each run has a process
of its own.
"""

import asyncio
import gc
import os
import runpy
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

MESSAGE_SIZE = 400 * 1024 * 1024
PIPE_SIZE = 65536


class LanguageHost(LanguageServer):
    """The SDK's own server with what it lacks: policy packs, and the program's log messages.

    `engine_address` is the address to which the engine wants log messages.
    """

    engine_address = ""

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:
        """Run the program; its log messages go to the engine."""
        request.args.insert(0, self.engine_address)
        run = super().Run
        return without_repetition(lambda: run(request, context))

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack by the SDK's module for it, and pass on its output."""
        answer = language_pb2.RunPluginResponse
        folder = request.info.program_directory
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.policy", *request.args, folder],
            cwd=folder,
            env=dict(item.split("=", 1) for item in request.env) or None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(process.terminate)  # when the engine ends the call
        with selectors.DefaultSelector() as pipes:
            assert process.stdout and process.stderr  # they are pipes
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


def without_repetition(run: Callable[[], language_pb2.RunResponse]) -> language_pb2.RunResponse:
    """The response of a run, without the program's error: it was logged, and the engine repeats it.

    When a program has failed, the SDK cancels what still runs, and raises InvalidStateError if a
    cancelled task's call has just been answered (Run in pulumi/automation/_server.py, `finally`).
    """
    try:
        response = run()
    except asyncio.InvalidStateError:
        return language_pb2.RunResponse(bail=True)
    return language_pb2.RunResponse(bail=True) if response.error else response


def main() -> None:
    """Serve the program in the folder that the command line names."""
    # the engine stops its plug-ins by SIGINT: KeyboardInterrupt would look like a program's error
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # a run is short, and looks for garbage among the many classes of pulumi_aws take half a second
    gc.disable()
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
    server.stop(None)  # which terminates a policy pack too


if __name__ == "__main__":
    main()
