"""`relay setup`."""

from concurrent.futures import ThreadPoolExecutor

from lab.machines.image import host_image, inbox_image
from ops.engine import engine
from ops.terminal import notes


def command() -> None:
    """Find or build Pulumi's engine, and make the lab's root file systems."""
    # side by side: the engine's build is the processor's work, the others wait for downloads
    with ThreadPoolExecutor() as pool:
        made = [
            pool.submit(engine),
            pool.submit(host_image, notes.print),
            pool.submit(inbox_image, notes.print),
        ]
        for part in made:
            print(part.result())
