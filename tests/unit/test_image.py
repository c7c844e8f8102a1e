"""The hosts' root file system holds what Debian's EC2 image holds: no less, and nothing more.

A package too many hides, in every lab test, that a host on AWS has not got it.
"""

import re
from pathlib import Path

import pytest

from lab.internet import services
from lab.machines import image


@pytest.fixture(scope="module")
def root() -> Path:
    return image.host_image(print)


def installed(root: Path) -> set[str]:
    """The names of the packages that dpkg has as installed in a root file system."""
    entries = (root / "var/lib/dpkg/status").read_text().split("\n\n")
    fields = [dict(re.findall(r"^([\w-]+): (.*)$", entry, re.MULTILINE)) for entry in entries]
    return {f["Package"] for f in fields if f.get("Status") == "install ok installed"}


def test_a_host_begins_with_no_package_that_the_ec2_image_does_not_have(root: Path) -> None:
    assert installed(root) - set(image.ec2_packages(image.architecture())) == set()


def test_a_host_lacks_nothing_of_the_ec2_image_but_kernel_and_boot_loader(root: Path) -> None:
    missing = set(image.ec2_packages(image.architecture())) - installed(root)
    assert {name for name in missing if not name.startswith(image.NOT_IN_A_CONTAINER)} == set()


@pytest.mark.parametrize("package", ["nftables", "rsyslog", "logrotate", "cron", "postfix"])
def test_what_a_set_up_must_install_is_not_there_before(root: Path, package: str) -> None:
    assert package not in installed(root)


def test_both_names_of_the_package_mirror_are_known_from_the_image_itself(root: Path) -> None:
    """apt's lists name the first; cloud-init replaces it at the first boot by the one for AWS."""
    at_first, on_aws = services.mirrors(root)
    assert at_first in (root / "etc/apt/mirrors/debian.list").read_text()
    assert on_aws in (root / "etc/cloud/cloud.cfg.d/01_debian_cloud.cfg").read_text()
