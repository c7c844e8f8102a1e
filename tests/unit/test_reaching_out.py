"""What a command needs of this computer: name servers, and settings of AWS's that it can use."""

from pathlib import Path

import dns.resolver
import pytest

from ops.account import by_profile, clearly
from ops.errors import AwsError, StackError
from ops.verify.names import Dns


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no nameservers"), ("nameserver not-an-ip\n", "nameserver not-an-ip is not a ")],
)
def test_a_computer_without_name_servers_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    file, read = tmp_path / "resolv.conf", dns.resolver.Resolver.read_resolv_conf
    file.write_text(text)
    monkeypatch.setattr(
        dns.resolver.Resolver, "read_resolv_conf", lambda self, _: read(self, str(file))
    )
    with pytest.raises(StackError, match=f"can be asked: /etc/resolv.conf: .*{said}"):
        Dns()


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ENDPOINT_URL", "nonsense"), ("AWS_ENDPOINT_URL_STS", "x y"), ("AWS_MAX_ATTEMPTS", "x")],
)
def test_a_variable_of_awss_that_means_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(AwsError, match=f"look at .*{name}={value} "):
        by_profile(None)("sts", "us-east-1")


def test_other_errors_of_a_client_stay_what_they_are() -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        clearly(fails)()
