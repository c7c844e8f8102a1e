"""Pulumi in a lab: `python -m ops.lab.inside NAME ARGS...`, in its namespace, is `pulumi ARGS`.

It is started often, so it imports little: what zones need is imported for commands that need it.
"""

import os
import sys

from common.errors import RelayError
from lab.lab import Lab
from ops import engine
from ops.lab import plugins
from ops.lab.place import STACK, work_dir

# Pulumi's commands that run the program, which looks its zones up.
_RUN_THE_PROGRAM = {"up", "update", "preview", "pre", "watch"}


def main() -> int:
    """Run `pulumi ARGS` inside the lab's namespace; first make zones that an edit has added."""
    lab = Lab(sys.argv[1])
    home = lab.directory / "pulumi-home"
    plugins.install(home)
    if _RUN_THE_PROGRAM & set(sys.argv[2:]):
        from ops.lab.stack import make_zones

        try:
            make_zones(lab)
        except RelayError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return engine.run(
        sys.argv[2:],
        work_dir=work_dir(lab),
        home=home,
        env={
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(lab.directory / "passphrase"),
            **lab.administrator,
            # the default stack, always: after `pulumi stack rm` of another one none is selected
            "PULUMI_STACK": STACK,
            "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE", ""),
        },
    )


if __name__ == "__main__":
    sys.exit(main())
