"""Only the verdicts of this server's own judges are read; all others are forged."""

import pytest

from agent.guard import results

HOST = "mail.relay.example"
GOOD = "; dkim=pass header.d=far.example header.i=@far.example"


@pytest.mark.parametrize("who", ["mail.far.example", "relay.example", "x" + HOST, f"{HOST}.x", ""])
def test_a_verdict_under_another_name_is_forged(who: str) -> None:
    with pytest.raises(results.Forged, match="a verdict by"):
        results.read([f" {who}{GOOD}".encode()], HOST)


@pytest.mark.parametrize("who", [HOST, HOST.upper()])
def test_a_verdict_under_this_servers_name_is_read(who: str) -> None:
    assert results.read([f" {who}{GOOD}".encode()], HOST).dkim == {"far.example"}
