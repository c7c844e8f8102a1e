"""What AppArmor holds daemons to on AWS, the lab's hosts hold them to as well.

A container has no AppArmor of its own. A set-up that a profile would stop must not work here.
"""

import json

import pytest
from world import CLIENT, GATEWAY, World

from lab.machines.image import architecture, ec2_packages
from lab.wait import until

PROFILES = "/etc/apparmor.d"
DROP_IN = "zz-apparmor.conf"


def confined_units(world: World, host: str) -> dict[str, str]:
    """Each unit of a package of the set-up that ships a profile, and that package.

    A package that ships a profile and no unit stands for itself.
    """
    said = world.run(host, "dpkg", "-S", f"{PROFILES}/*")
    packages = {line.partition(":")[0] for line in said.splitlines()}
    units: dict[str, str] = {}
    for package in packages - set(ec2_packages(architecture())):
        files = world.run(host, "dpkg", "-L", package).split()
        services = [f.rpartition("/")[2] for f in files if f.endswith(".service")]
        units |= dict.fromkeys(services or [package], package)
    return units


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_a_package_with_an_apparmor_profile_is_held_to_it_here_too(world: World, host: str) -> None:
    """A new one fails here until lab/machines/image/container has a drop-in that says the same."""
    free = {
        unit: package
        for unit, package in confined_units(world, host).items()
        if DROP_IN not in world.run(host, "systemctl", "show", "-p", "DropInPaths", unit)
    }
    assert free == {}


def test_postsrsd_reads_its_secret_and_no_other(world: World) -> None:
    assert "postsrsd.service" in confined_units(world, GATEWAY)
    pid = world.run(GATEWAY, "systemctl", "show", "-P", "MainPID", "postsrsd.service").strip()
    inside = ["nsenter", "-t", pid, "-m"]
    assert world.run(GATEWAY, *inside, "cat", "/etc/postsrsd.secret").strip()
    for path in ("/srv/mail/tables/bundle.json", "/etc/letsencrypt/live", "/etc/opendkim.conf"):
        world.run(GATEWAY, "ls", path)
        assert "cannot" in world.run(GATEWAY, *inside, "ls", path, check=False), path


def test_a_rebuilt_host_takes_the_stacks_secret_although_its_tables_are_as_they_were(
    world: World,
) -> None:
    """The package makes a random one: a bounce to an address of the old host would be refused."""
    wanted = json.loads(world.run(GATEWAY, "cat", "/srv/mail/tables/bundle.json"))["srsSecret"]
    world.run(GATEWAY, "sh", "-c", "echo of-the-package > /etc/postsrsd.secret")
    world.run(GATEWAY, "systemctl", "restart", "postsrsd.service")
    show = ["systemctl", "show", "-P", "MainPID", "postsrsd.service"]
    before = world.run(GATEWAY, *show)
    world.run(GATEWAY, "systemctl", "start", "mail-relay-tables.service")
    assert world.run(GATEWAY, "cat", "/etc/postsrsd.secret").strip() == wanted
    assert world.run(GATEWAY, "stat", "-c", "%a %U", "/etc/postsrsd.secret").strip() == "600 root"
    until("postsrsd has been started again", lambda: world.run(GATEWAY, *show) != before)
