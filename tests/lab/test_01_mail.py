"""What users do on the first day, and what they get."""

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

from lab.internet import send
from lab.internet.smtp import Internet
from ops.lab.send import by_each_way, hops


def test_mail_from_every_way_in_arrives_and_passes(world: World) -> None:
    sent = by_each_way(Internet(world.lab), world.outputs)
    assert [s.via for s in sent] == ["client's shell", "login on 587", "login on 465"]
    for item in sent:
        message = send.arrived(world.lab, item, 120)
        for judge in ("python", "milter"):
            assert message.verdicts[judge].passes(), message.verdicts
        assert message.client_name == GATEWAY
        assert message.helo == GATEWAY
        seen = hops(world.lab, item, message, world.outputs)
        assert seen == ["TLSv1.3 verified", "TLSv1.3 trusted"]


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_every_unit_of_a_host_is_well(world: World, host: str) -> None:
    assert world.failed_units(host) == ""


def test_a_users_address_is_hidden_and_its_mail_has_date_and_id(world: World) -> None:
    subject = send.unique("bare")
    text = f"From: {LOGIN}\r\nTo: {send.RECIPIENT}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    with world.session(587, login=LOGIN) as session:
        session.sendmail(LOGIN, [send.RECIPIENT], text)
    message = world.arrived(subject)
    assert message.verdict.passes()
    assert message.parsed["Date"]
    assert message.parsed["Message-ID"]
    assert "198.51.100.20" not in message.raw


def test_mail_for_root_goes_to_the_operator_signed(world: World) -> None:
    for host in (GATEWAY, CLIENT):
        subject = send.unique("cron")
        command = f"printf 'Subject: {subject}\\n\\nFrom cron.\\n' | sendmail -i root"
        world.run(host, "sh", "-c", command)
        message = world.arrived(subject)
        assert message.recipient == world.operator
        assert message.verdict.passes()
