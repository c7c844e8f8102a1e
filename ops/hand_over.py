"""ssh's ProxyCommand with ProxyUseFdpass: hand ssh a connection with the Unix socket at a path.

It needs Python's standard library alone, so that it starts at once.
"""

import socket
import sys


def main() -> None:
    """Standard output is the socket that ssh takes the connection from (ssh_config(5))."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    with socket.socket(fileno=sys.stdout.fileno()) as ssh:
        socket.send_fds(ssh, [b"\0"], [connection.fileno()])


if __name__ == "__main__":
    main()
