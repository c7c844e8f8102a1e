"""SNS in the lab's region: subscriptions that are confirmed, and what its courier delivers."""

import email
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.policy import default
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

import dkim as dkimpy
import pytest
from botocore.exceptions import ClientError
from region_service import sent, serving
from werkzeug.test import Client

from lab.internet.authority import Authority
from lab.region.app import Region
from lab.region.memory import Memory
from lab.region.names import lookup
from lab.region.sns import courier, topics
from lab.region.sns.courier import Courier
from lab.region.sns.notices import Delivery
from lab.region_client import RegionClient
from mail import dkim

ADDRESS = "ops@inbox.example"


@dataclass
class Account:
    memory: Memory
    sns: Any
    control: RegionClient
    topic: str

    def subscribe(self, endpoint: str = ADDRESS, protocol: str = "email", **others: Any) -> str:
        given = {"TopicArn": self.topic, "Protocol": protocol, "Endpoint": endpoint, **others}
        return self.sns.subscribe(**given)["SubscriptionArn"]

    def sent(self) -> list[Delivery]:
        return sent(self.memory)

    def visit(self, url: str) -> tuple[int, str]:
        """What a browser gets, which signs nothing."""
        parts = urlsplit(url)
        region = Client(Region(self.memory))
        said = region.get(f"{parts.path}?{parts.query}", base_url=f"https://{parts.netloc}")
        return said.status_code, said.text


@pytest.fixture
def account() -> Iterator[Account]:
    memory = Memory()
    with serving(memory) as (client, control):
        sns = client("sns")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        yield Account(memory, sns, control, topic)
        sns.delete_topic(TopicArn=topic)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Message"]


def link_in(text: str) -> str:
    (found,) = re.findall(r"https://sns\S+", text)
    return found


def test_nothing_is_sent_until_the_receiver_has_followed_the_link(account: Account) -> None:
    assert account.subscribe() == "pending confirmation"
    (asked,) = account.sent()
    assert (asked.endpoint, asked.subject) == (
        ADDRESS,
        "AWS Notification - Subscription Confirmation",
    )
    assert asked.body.startswith(f"You have chosen to subscribe to the topic: \n{account.topic}\n")
    account.sns.publish(TopicArn=account.topic, Message="one")
    assert account.sent() == []
    counted = account.sns.get_topic_attributes(TopicArn=account.topic)["Attributes"]
    assert (counted["SubscriptionsPending"], counted["SubscriptionsConfirmed"]) == ("1", "0")
    (listed,) = account.sns.list_subscriptions()["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    link = link_in(asked.body)
    assert account.visit(link.replace("Token=", "Token=0"))[0] == 400
    assert account.visit(link)[0] == 200
    counted = account.sns.get_topic_attributes(TopicArn=account.topic)["Attributes"]
    assert (counted["SubscriptionsPending"], counted["SubscriptionsConfirmed"]) == ("0", "1")
    account.sns.publish(TopicArn=account.topic, Message="two", Subject="hello")
    (told,) = account.sent()
    assert (told.subject, told.body.partition("\n")[0]) == ("hello", "two")
    assert account.visit(link_in(told.body))[0] == 200  # the link that unsubscribes
    assert account.sns.list_subscriptions()["Subscriptions"] == []


def test_an_endpoint_confirms_by_its_token(account: Account) -> None:
    arn = account.subscribe("https://x.example/hook", "https", ReturnSubscriptionArn=True)
    assert arn.startswith(account.topic)
    (asked,) = account.sent()
    envelope = json.loads(asked.body)
    assert envelope["Type"] == "SubscriptionConfirmation"
    assert envelope["Token"] in envelope["SubscribeURL"]
    given = {"TopicArn": account.topic, "Token": envelope["Token"]}
    assert account.sns.confirm_subscription(**given)["SubscriptionArn"] == arn
    held = account.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert held["PendingConfirmation"] == "false"
    account.sns.publish(TopicArn=account.topic, Message='{"a": 1}', Subject="s")
    told = json.loads(account.sent()[0].body)
    assert (told["Type"], told["Message"], told["Subject"]) == ("Notification", '{"a": 1}', "s")


def test_a_subscription_that_waits_cannot_be_removed_and_is_asked_again(account: Account) -> None:
    arn = account.subscribe(ReturnSubscriptionArn=True)
    said = refused(lambda: account.sns.unsubscribe(SubscriptionArn=arn))
    # the provider knows it by these words
    assert "Cannot unsubscribe a subscription that is pending confirmation" in said
    assert account.subscribe(ReturnSubscriptionArn=True) == arn
    first, second = account.sent()
    assert account.visit(link_in(first.body))[0] == 400
    assert account.visit(link_in(second.body))[0] == 200
    assert account.subscribe() == arn
    account.sns.unsubscribe(SubscriptionArn=arn)
    account.sns.unsubscribe(SubscriptionArn=arn)


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [("email", "ops"), ("https", "http://x.example/"), ("sms", "+15550100"), ("email", "a b@x.y")],
)
def test_a_wrong_endpoint_is_refused(account: Account, protocol: str, endpoint: str) -> None:
    assert refused(lambda: account.subscribe(endpoint, protocol)).startswith("Invalid parameter: ")


def test_what_is_left_is_told(account: Account) -> None:
    account.subscribe()
    left = account.control.get("leftovers")
    assert {"topic alarms", f"subscription {ADDRESS}"} <= set(left)
    account.sns.delete_topic(TopicArn=account.topic)
    assert not {"topic alarms", f"subscription {ADDRESS}"} & set(account.control.get("leftovers"))


ALARM = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:queue"
FOR_CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}


@pytest.mark.parametrize(
    ("principal", "condition", "effects", "right"),
    [
        (FOR_CLOUDWATCH, {}, ["Allow"], True),
        (FOR_CLOUDWATCH, {}, ["Allow", "Deny"], False),
        ({"Service": ["sns.amazonaws.com"]}, {}, ["Allow"], False),
        ({"AWS": "*"}, {"StringEquals": {"AWS:SourceOwner": "123456789012"}}, ["Allow"], True),
        ({"AWS": "*"}, {"StringEquals": {"AWS:SourceOwner": "1"}}, ["Allow"], False),
        (FOR_CLOUDWATCH, {"ArnLike": {"aws:SourceArn": ALARM[:-5] + "*"}}, ["Allow"], True),
        (FOR_CLOUDWATCH, {"ArnLike": {"aws:SourceArn": ALARM[:-5] + "x*"}}, ["Allow"], False),
        (FOR_CLOUDWATCH, {"ArnEquals": {"aws:SourceArn": ALARM}}, ["Allow"], True),
        (FOR_CLOUDWATCH, {"StringLike": {"aws:SourceArn": "arn:aws:s3*"}}, ["Allow"], False),
    ],
)
def test_a_topics_policy_says_whether_cloudwatch_may_publish(
    principal: dict[str, Any], condition: dict[str, Any], effects: list[str], right: bool
) -> None:
    shared = {"Principal": principal, "Action": "SNS:Publish", "Resource": "arn:t"}
    statements = [{**shared, "Effect": effect, "Condition": condition} for effect in effects]
    policy = {"Version": "2012-10-17", "Statement": statements}
    assert topics.allows(policy, "cloudwatch.amazonaws.com", "arn:t", ALARM) is right
    assert not topics.allows(policy, "cloudwatch.amazonaws.com", "arn:other", ALARM)


class _Exchanger(StreamRequestHandler):
    """Takes mail, after refusing it as often and with the answer that the server says."""

    server: Any

    def handle(self) -> None:
        self._say("220 mx.inbox.example")
        for line in self.rfile:
            command = line.split()[0].upper()
            if command == b"RCPT" and self.server.answers:
                self._say(self.server.answers.pop(0))
            elif command == b"DATA":
                self._say("354 go on")
                content = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    content += line.removeprefix(b".")
                self.server.taken.append(content)
                self._say("250 taken")
            elif command == b"QUIT":
                self._say("221 bye")
                return
            else:
                if command == b"MAIL":
                    self.server.senders.append(line)
                self._say("250 mx.inbox.example")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def exchanger(*answers: str) -> Iterator[Any]:
    with ThreadingTCPServer(("127.0.0.1", 0), _Exchanger) as server:
        made: Any = server
        made.answers, made.taken, made.senders = list(answers), [], []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        server.shutdown()


@cache
def _key() -> str:
    return dkim.generate()


def local(memory: Memory, port: int, trust: Path | None = None) -> Courier:
    """A courier for whom every name leads to this computer."""
    made = Courier(memory, smtp_port=port, trust=trust, key=_key())
    made.exchangers = lambda domain: [f"mx.{domain}"]
    made.addresses = lambda name: ["127.0.0.1"]
    return made


MAIL = Delivery(
    "email", ADDRESS, "Notification", "arn:t", "arn:t:s", "Größe 1\n.\nend\n", "Subject"
)


def test_mail_is_signed_and_comes_from_sns() -> None:
    memory = Memory()
    with exchanger() as server:
        sending = local(memory, server.server_address[1])
        sending.publish_names()
        assert sending.deliver(MAIL, ())
    (content,) = server.taken
    message = email.message_from_bytes(content, policy=default)
    assert message["From"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    assert (message["To"], message["Subject"]) == (ADDRESS, "Subject")
    assert message.get_content().replace("\r\n", "\n") == "Größe 1\n.\nend\n"
    assert b"-000000@amazonses.com>" in server.senders[0]

    def record(name: bytes, **_: Any) -> bytes:
        (text,) = [
            v for kind, _, v in lookup(memory, name.decode().lower()).records if kind == "TXT"
        ]
        return "".join(re.findall(r'"([^"]*)"', text)).encode()

    signatures = [str(field) for field in message.get_all("DKIM-Signature", [])]
    assert ["d=amazonses.com" in signatures[0], "d=sns.amazonaws.com" in signatures[1]] == [
        True
    ] * 2
    verifier = dkimpy.DKIM(content)
    assert [verifier.verify(idx=n, dnsfunc=record) for n in (0, 1)] == [True, True]
    assert record(b"amazonses.com.").startswith(b"v=spf1 ip4:54.240.8.33")


@pytest.mark.parametrize(
    ("answers", "works", "left"),
    [
        (("450 later",), True, 0),
        (("450 later", "450 later", "450 later"), False, 0),
        (("550 no such user", "550 no such user"), False, 1),
    ],
)
def test_mail_is_tried_again_unless_it_is_refused(
    answers: tuple[str, ...], works: bool, left: int
) -> None:
    with exchanger(*answers) as server:
        sending = local(Memory(), server.server_address[1])
        assert sending.deliver(MAIL, (0, 0)) is works
    assert (len(server.taken), len(server.answers)) == (int(works), left)


def test_retries_are_those_of_the_documentation() -> None:
    assert len(courier.MAIL_DELAYS) == 50
    assert courier.MAIL_DELAYS[:3] == (10, 10, 10)
    assert courier.MAIL_DELAYS[11:13] == (600, 600)
    assert 6 * 3600 < sum(courier.MAIL_DELAYS) < 8 * 3600
    assert courier.HTTPS_DELAYS == (20, 20, 20)


class _Hook(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def hook(chain: Path, key: Path, *statuses: int) -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), _Hook)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.got, server.statuses = list[Any](), list(statuses)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("statuses", "works", "requests"),
    [((), True, 1), ((503, 429), True, 3), ((500, 500, 500), False, 3), ((404,), False, 1)],
)
def test_an_https_endpoint_gets_a_request(
    tmp_path: Path, statuses: tuple[int, ...], works: bool, requests: int
) -> None:
    authority = Authority(tmp_path)
    with hook(*authority.issue("hook.example"), *statuses) as server:
        url = f"https://hook.example:{server.server_address[1]}/in?key=1"
        sending = local(Memory(), 25, authority.certificate)
        delivery = Delivery("https", url, "Notification", "arn:t", "arn:t:s", '{"Type": "x"}')
        assert sending.deliver(delivery, (0, 0)) is works
    assert len(server.got) == requests
    path, headers, body = server.got[0]
    assert (path, body) == ("/in?key=1", b'{"Type": "x"}')
    expected: Mapping[str, str] = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-topic-arn": "arn:t",
        "x-amz-sns-subscription-arn": "arn:t:s",
    }
    assert {name: headers[name] for name in expected} == expected


def test_an_endpoint_with_another_certificate_gets_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with hook(*authority.issue("other.example")) as server:
        url = f"https://hook.example:{server.server_address[1]}/"
        delivery = Delivery("https", url, "Notification", "arn:t", "arn:t:s", "{}")
        assert not local(Memory(), 25, authority.certificate).deliver(delivery, ())
    assert server.got == []
