"""Serve the region until SIGTERM: `python -m lab.region --port 4566 [--dns ADDR:PORT] ...`."""

import argparse
import logging
import signal
import sys
from pathlib import Path

from werkzeug.serving import make_server

from lab.region import balancers, block_lists, dlm, dns_server, health, metadata, tunnels
from lab.region.app import Region
from lab.region.cloudwatch import evaluation
from lab.region.memory import Memory
from lab.region.sns import courier


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the API's, on loopback")
    parser.add_argument("--dns", help="ADDR:PORT of the authoritative server")
    parser.add_argument("--metadata", help="ADDR:PORT of the metadata service")
    parser.add_argument("--service-address", help="where Amazon's and other services' names lead")
    parser.add_argument("--service-name", action="append", default=[])
    parser.add_argument("--ready", type=Path, help="a file to make when everything listens")
    parser.add_argument("--consoles", type=Path, help="the directory of the machines' consoles")
    parser.add_argument("--checkers", help="the network namespace of Route53's health checkers")
    parser.add_argument("--nodes", help="how the namespaces of Amazon's interfaces begin")
    parser.add_argument("--tunnels", type=int, help="the port, on loopback, of endpoints' tunnels")
    parser.add_argument("--amazon", help="the network namespace of Amazon's other computers")
    parser.add_argument("--resolver", help="ADDR of the resolver that they use")
    parser.add_argument("--trust", type=Path, help="a file of root certificates that they trust")
    given = parser.parse_args()
    memory = Memory(consoles=given.consoles)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    memory.names.services = given.service_name
    memory.names.service_address = given.service_address
    if given.dns:
        address, _, port = given.dns.rpartition(":")
        memory.names.own_address = address
        block_lists.put_all(memory)
        dns_server.serve(memory, address, int(port))
    if given.metadata:
        address, _, port = given.metadata.rpartition(":")
        metadata.serve(memory, address, int(port))
    if given.checkers:
        health.serve(memory.health, given.checkers)
    if given.nodes:
        balancers.serve(memory.balancers, given.nodes)
        if given.tunnels:
            tunnels.serve(memory, given.nodes, given.tunnels)
    if given.amazon:
        courier.serve(courier.Courier(memory, given.amazon, given.resolver, given.trust))
    evaluation.serve(memory)
    dlm.serve(memory)
    server = make_server("127.0.0.1", given.port, Region(memory), threaded=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if given.ready:
        given.ready.touch()
    server.serve_forever()


if __name__ == "__main__":
    main()
