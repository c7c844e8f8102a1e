"""Systems of which nothing stays: a root file system, new at each call, in a namespace."""

from pathlib import Path


def system(image: Path, name: str, namespace: str, *options: str) -> list[str]:
    """The command line prefix that runs a command in a new such system, at this terminal."""
    return [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        f"--directory={image}",
        f"--machine={name}",
        "--volatile=overlay",
        f"--network-namespace-path=/run/netns/{namespace}",
        "--resolv-conf=off",
        "--timezone=off",
        "--chdir=/root",
        *options,
    ]
