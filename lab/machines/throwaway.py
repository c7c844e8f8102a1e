"""Throw-away systems: a root file system, new at each call, in a network namespace."""

from pathlib import Path

# nspawn makes a folder for each machine here, and empties it at its end, but in a tmpfs only: if
# /run is none, as in many containers, it complains ("Attempted to remove disk file system",
# rm_rf_children() in systemd's src/shared/rm-rf.c). So the folder gets a tmpfs of its own.
FOLDER = "/run/systemd/nspawn"
IN_A_TMPFS = f'mkdir -p {FOLDER} && mount -t tmpfs nspawn {FOLDER} && exec "$@"'


def system(image: Path, name: str, namespace: str, *options: str) -> list[str]:
    """The command line prefix that runs a command in a new system, at this terminal."""
    return [
        *("unshare", "--mount", "sh", "-c", IN_A_TMPFS, "sh"),
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
        # else a pipe gets the line ends of a terminal
        "--console=autopipe",
        *options,
    ]
