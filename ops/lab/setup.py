"""`relay setup`."""

from concurrent.futures import ThreadPoolExecutor

from lab.machines.image import host_image, inbox_image
from ops.engine import engine
from ops.options import Json
from ops.terminal import notes, print_json


def command(json: Json = False) -> None:
    """Find or build Pulumi's engine, and make the lab's root file systems."""
    # side by side: the engine's build is the processor's work, the others wait for downloads
    with ThreadPoolExecutor() as pool:
        made = {
            "engine": pool.submit(engine),
            "host": pool.submit(host_image, notes.print),
            "inbox": pool.submit(inbox_image, notes.print),
        }
        paths = {what: str(part.result()) for what, part in made.items()}
    if json:
        print_json(paths)
        return
    for path in paths.values():
        print(path)
