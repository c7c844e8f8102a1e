"""What a person does with the mail by which SNS asks to confirm a subscription."""

import re

from lab.internet.inbox import Inbox
from lab.region.sns.notices import CONFIRM_SUBJECT, HOST

LINK = re.compile(rf"https://{re.escape(HOST)}/confirmation\.html\?\S+")


def confirm(inbox: Inbox, recipient: str, seconds: float = 120) -> str:
    """Follow the link of the last request to a mailbox; what the page says.

    TimeoutError if no request comes.
    """
    asked = inbox.wait_for(
        lambda m: m.subject == CONFIRM_SUBJECT and m.recipient == recipient, seconds=seconds
    )
    body = asked[-1].parsed.get_body(("plain",))
    (link,) = LINK.findall(body.get_content() if body else "")
    return inbox.visit(link)
