"""`sendas`: two domains forwarded to a mailbox elsewhere, which sends as their addresses."""

from lab.internet import send
from ops.lab.stories.stage import Stage, expect, refused, unsigned

MAILBOX = "you@inbox.example"
LOGIN, SECOND = "info@example.com", "sales@example.org"


def the_code_arrives(stage: Stage) -> str:
    """Gmail's confirmation code for info@example.com comes through the forward."""
    subject = send.unique("Confirmation - Send Mail as info@example.com")
    stage.write(LOGIN, subject)
    (message,) = stage.arrived(subject)
    expect(message.recipient == MAILBOX, f"it went to {message.recipient}")
    expect(message.sender.startswith("SRS0="), f"its envelope sender is {message.sender}")
    return stage.passed(subject)


def gmail_sends_on_587(stage: Stage) -> str:
    """The mailbox logs in on 587 (STARTTLS, PLAIN) and sends as info@example.com."""
    subject = send.unique("from Gmail, 587")
    message = send.compose("You <info@example.com>", send.RECIPIENT, subject)
    way = stage.submit(message, LOGIN)
    return f"{way}; {stage.passed(subject, 'You <info@example.com>')}"


def gmail_sends_on_465(stage: Stage) -> str:
    """The same login on 465 (TLS) sends as sales@example.org, an address of the other domain."""
    subject = send.unique("from Gmail, 465")
    way = stage.submit(send.compose(SECOND, send.RECIPIENT, subject), LOGIN, 465)
    return f"{way}; {stage.passed(subject, SECOND)}"


def others_are_refused(stage: Stage) -> str:
    """It cannot send as an address that is not its own, in the envelope or in From."""
    other = "boss@example.com"
    message = send.compose(other, send.RECIPIENT, "x")
    said = [
        refused(lambda: stage.submit(message, LOGIN), 553),
        refused(lambda: stage.submit(message, LOGIN, sender=LOGIN), 550),
    ]
    return "; ".join(said)


def the_reply_arrives(stage: Stage) -> str:
    """A reply to sales@example.org, which only the catch-all knows, comes to the mailbox."""
    subject = send.unique("Re: from Gmail")
    stage.write(SECOND, subject)
    return stage.passed(subject)


def several_read(stage: Stage) -> str:
    """team@example.com is read by both of its people, and so is team+urgent@."""
    seen = []
    for recipient in ("team@example.com", "team+urgent@example.com"):
        subject = send.unique("to the team")
        stage.write(recipient, subject)
        found = stage.arrived(subject, count=2)
        readers = sorted(message.recipient for message in found)
        expect(readers == ["partner@inbox.example", MAILBOX], f"{recipient}: {readers}")
        seen.append(f"{recipient}: {', '.join(readers)}")
    return "; ".join(seen)


def roles_are_read(stage: Stage) -> str:
    """Postmaster and abuse of every domain come to the operator."""
    for domain in ("example.com", "example.org"):
        for role in ("postmaster", "abuse"):
            subject = send.unique(role)
            stage.write(f"{role}@{domain}", subject)
            (message,) = stage.arrived(subject)
            expect(message.recipient == MAILBOX, f"{role}@{domain} went to {message.recipient}")
    return f"four messages in {MAILBOX}"


def unknown_recipients_are_refused(stage: Stage) -> str:
    """Mail for an address that is not listed is refused at RCPT."""
    return refused(lambda: stage.write("nobody@example.com", "x"), 550)


def forged_mail_is_refused(stage: Stage) -> str:
    """Mail that claims to be from a domain with p=reject, and is not, is refused."""
    content = unsigned(stage.stranger.address, LOGIN, "x")
    return refused(lambda: stage.deliver(LOGIN, content, "me@inbox.example"), 550)


def a_bounce_finds_its_way_back(stage: Stage) -> str:
    """A bounce of a forwarded message goes back to its sender, through the SRS address."""
    subject = send.unique("will be returned")
    content = unsigned("me@inbox.example", LOGIN, subject)
    stage.inbox.write(stage.gateway.address, "me@inbox.example", LOGIN, content)
    (forwarded,) = stage.arrived(subject)
    notice = send.unique("Undelivered Mail Returned to Sender")
    stage.deliver(forwarded.sender, unsigned("postmaster@inbox.example", "x@x.example", notice), "")
    (back,) = stage.arrived(notice)
    expect(back.recipient == "me@inbox.example", f"it went to {back.recipient}")
    return f"{forwarded.sender} -> {back.recipient}"


def strangers_do_not_relay(stage: Stage) -> str:
    """A stranger cannot relay through the server."""
    return refused(lambda: stage.deliver("me@inbox.example", b"Subject: x\r\n\r\nx\r\n"), 554)


ACTS = (
    the_code_arrives,
    gmail_sends_on_587,
    gmail_sends_on_465,
    others_are_refused,
    the_reply_arrives,
    several_read,
    roles_are_read,
    unknown_recipients_are_refused,
    forged_mail_is_refused,
    a_bounce_finds_its_way_back,
    strangers_do_not_relay,
)
