"""The receiving provider is honest: each verdict turns when its reason goes away."""

import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import dkim as signer
import pytest
from world import World

from lab.access import entered
from lab.internet import send
from lab.internet.inbox.message import Verdict
from lab.internet.smtp import PROBE_HELO
from lab.machines.network import INBOX, PROBE
from mail import dkim

DOMAIN = "probe.example"
HOST = PROBE_HELO
KEY, OTHER_KEY = dkim.generate(), dkim.generate()


class Probe:
    """A sender on the lab's internet with a zone of its own."""

    def __init__(self, world: World) -> None:
        self.world = world

    def publish(
        self,
        *,
        spf: str = f"v=spf1 ip4:{PROBE} -all",
        key: str = dkim.record(KEY),
        policy: str = "none",
        pointer: str = HOST,
    ) -> str:
        """Publish a new domain, since resolvers remember; gives its name."""
        domain = f"{send.unique('d').replace(' ', '')}.{DOMAIN}"
        records: list[list[object]] = [
            [domain, "A", 60, PROBE],
            [f"s1._domainkey.{domain}", "TXT", 60, _quoted(key)],
            [f"_dmarc.{domain}", "TXT", 60, f'"v=DMARC1; p={policy}"'],
        ]
        if spf:
            records.append([domain, "TXT", 60, f'"{spf}"'])
        self.world.region.call("PUT", "dns/records", {"zone": domain, "records": records})
        self.reverse(pointer)
        return domain

    def reverse(self, pointer: str) -> None:
        """The PTR of the probe's address, and the A record of its HELO."""
        records = [[HOST, "A", 1, PROBE], [PROBE, "PTR", 1, f"{pointer}."]]
        body = {"zone": "isp.example", "records": records}
        self.world.region.call("PUT", "dns/records", body)
        self.world.flush_resolver()

    def deliver(self, message: EmailMessage | bytes, sender: str) -> None:
        """Speak SMTP with the provider."""
        content = message if isinstance(message, bytes) else bytes(message)
        with entered(f"{self.world.lab.namespace}-probe"):
            session = smtplib.SMTP(INBOX, 25, local_hostname=HOST, timeout=60)
        with session:
            session.sendmail(sender, [send.RECIPIENT], content)

    def signed(self, message: EmailMessage, domain: str, key: str = KEY) -> bytes:
        """The message with a DKIM signature by dkimpy."""
        content = bytes(message).replace(b"\n", b"\r\n")
        signature = signer.sign(
            content,
            b"s1",
            domain.encode(),
            key.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[b"from", b"to", b"subject", b"date"],
        )
        return signature + content


def _quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


@pytest.fixture
def probe(world: World) -> Iterator[Probe]:
    made = Probe(world)
    yield made
    made.reverse(HOST)


def verdicts(world: World, subject: str) -> dict[str, Verdict]:
    return world.arrived(subject).verdicts


def judged(
    probe: Probe,
    domain: str,
    change: Callable[[bytes], bytes] = lambda content: content,
    key: str = KEY,
    sign: bool = True,
) -> dict[str, Verdict]:
    sender, subject = f"me@{domain}", send.unique("judge me")
    message = send.compose(sender, send.RECIPIENT, subject, "The body of it.\n")
    content = probe.signed(message, domain, key) if sign else bytes(message)
    probe.deliver(change(content), sender)
    return verdicts(probe.world, subject)


def both(found: dict[str, Verdict], method: str) -> set[str]:
    assert set(found) == {"python", "milter"}
    return {getattr(verdict, method) for verdict in found.values()}


def test_a_right_message_passes(probe: Probe) -> None:
    found = judged(probe, probe.publish())
    assert all(verdict.passes() for verdict in found.values()), found


def test_one_byte_of_the_body_changed_fails_dkim(probe: Probe) -> None:
    found = judged(probe, probe.publish(), lambda c: c.replace(b"The body", b"the body"))
    assert both(found, "dkim") == {"fail"}
    assert both(found, "spf") == {"pass"}


def test_a_signed_header_changed_fails_dkim(probe: Probe) -> None:
    found = judged(probe, probe.publish(), lambda c: c.replace(b"To: me@", b"To: yu@"))
    assert both(found, "dkim") == {"fail"}


def test_another_domains_key_fails_dkim(probe: Probe) -> None:
    found = judged(probe, probe.publish(), key=OTHER_KEY)
    assert both(found, "dkim") == {"fail"}


def test_without_a_signature_there_is_no_dkim(probe: Probe) -> None:
    assert both(judged(probe, probe.publish(), sign=False), "dkim") == {"none"}


def test_without_an_spf_record_there_is_no_spf(probe: Probe) -> None:
    found = judged(probe, probe.publish(spf=""))
    assert both(found, "spf") == {"none"}
    assert both(found, "dmarc") == {"pass"}  # by DKIM


def test_an_address_that_spf_does_not_name_fails(probe: Probe) -> None:
    found = judged(probe, probe.publish(spf="v=spf1 ip4:192.0.2.77 -all"), sign=False)
    assert both(found, "spf") == {"fail"}
    assert both(found, "dmarc") == {"fail"}


def test_a_forged_message_is_refused_where_dmarc_says_reject(probe: Probe) -> None:
    domain = probe.publish(spf="v=spf1 -all", policy="reject")
    message = send.compose(f"me@{domain}", send.RECIPIENT, send.unique("forged"))
    with pytest.raises(smtplib.SMTPDataError) as caught:
        probe.deliver(message, f"me@{domain}")
    assert caught.value.smtp_code == 550


def test_an_address_whose_name_does_not_lead_back_is_refused(probe: Probe) -> None:
    domain = probe.publish(pointer="liar.isp.example")
    message = send.compose(f"me@{domain}", send.RECIPIENT, send.unique("no PTR"))
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        probe.deliver(message, f"me@{domain}")
    ((code, text),) = caught.value.recipients.values()
    assert code == 550
    assert b"hostname" in text
