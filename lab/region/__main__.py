"""Serve the region until SIGTERM: `python -m lab.region --port 4566 [--dns ADDR:PORT] ...`."""

import argparse
import logging
import signal
import sys
from pathlib import Path

from werkzeug.serving import make_server

from lab.region import dns_server, metadata, names
from lab.region.app import Region
from lab.region.rules import ec2


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
    given = parser.parse_args()
    ec2.consoles.directory = given.consoles
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    names.elsewhere.services = given.service_name
    names.elsewhere.service_address = given.service_address
    if given.dns:
        address, _, port = given.dns.rpartition(":")
        names.elsewhere.own_address = address
        dns_server.serve(address, int(port))
    if given.metadata:
        address, _, port = given.metadata.rpartition(":")
        metadata.serve(address, int(port))
    server = make_server("127.0.0.1", given.port, Region(), threaded=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if given.ready:
        given.ready.touch()
    server.serve_forever()


if __name__ == "__main__":
    main()
