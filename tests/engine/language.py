"""The language host of the tests: it forks each run of the project from a process that is warm.

To import pulumi_aws and the project anew for each of a hundred runs took a third of the time.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from ops.language_host import LanguageHost, without_repetition


class _WarmHost(LanguageHost):
    """As ops/language_host.py, except that it serves many runs."""

    def __init__(self, project: Path, processes: futures.ProcessPoolExecutor) -> None:
        self.project, self.processes = str(project), processes

    def Handshake(
        self,
        request: language_pb2.LanguageHandshakeRequest,
        context: grpc.ServicerContext,
    ) -> language_pb2.LanguageHandshakeResponse:
        """Without it the engine takes no host that it did not start."""
        self.engine_address = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run the project; the SDK keeps the state of a deployment in its process."""
        request.args.insert(0, self.engine_address)
        task = self.processes.submit(_run, self.project, request.SerializeToString())
        return language_pb2.RunResponse.FromString(task.result())


def _run(project: str, request: bytes) -> bytes:
    os.chdir(project)
    sys.path.insert(0, project)

    def program() -> None:
        runpy.run_path(f"{project}/__main__.py", run_name="__main__")

    run = language_pb2.RunRequest.FromString(request)
    unused: Any = None
    return without_repetition(lambda: LanguageServer(program).Run(run, unused)).SerializeToString()


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """What PULUMI_DEBUG_LANGUAGES is to be."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["components.stack"])
    with futures.ProcessPoolExecutor(2, mp_context=forks, max_tasks_per_child=1) as processes:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        host = _WarmHost(project, processes)
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"python:{port}"
        server.stop(None)
