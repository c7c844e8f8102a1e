"""The lab's AWS takes only what its caller signed, as AWS does; hosts sign without AWS's SDK."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.test import Client, TestResponse

from lab.region.app import Region
from lab.region.memory import Memory

CONTENT = b"{}"
OBJECT = "https://stack.s3.us-east-1.amazonaws.com/status/mail.relay.example.json"
HELD = {"AccessKeyId": "ASIAHOST", "SecretAccessKey": "se/cret", "Token": "to/ken=="}
HOST = Credentials(*HELD.values())
Change = Callable[[dict[str, str]], None]


@pytest.fixture
def region() -> Client:
    memory = Memory(sessions={"ASIAHOST": "host"})
    memory.credentials["host"] = HELD
    return Client(Region(memory))


def asked(region: Client, auth: Any, url: str, body: bytes, change: Change) -> TestResponse:
    """A PUT, signed and then changed."""
    request: Any = AWSRequest("PUT", url, data=body)
    auth.add_auth(request)
    headers = dict(request.headers.items())
    change(headers)
    host, _, path = url.removeprefix("https://").partition("/")
    return region.put(f"/{path}", data=body, headers=headers, base_url=f"https://{host}")


def put(region: Client, change: Change, holder: Credentials = HOST) -> str:
    """What S3 says to a host's request."""
    return asked(region, S3SigV4Auth(holder, "s3", "us-east-1"), OBJECT, CONTENT, change).text


def test_what_is_signed_is_judged_by_its_permissions(region: Client) -> None:
    assert "<Code>AccessDenied</Code>" in put(region, lambda _: None)


def other(name: str, old: str, new: str) -> Change:
    """Another value of a header than was signed."""

    def change(headers: dict[str, str]) -> None:
        assert old in headers[name]
        headers[name] = headers[name].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (other("Authorization", "Signature=", "Signature=0"), "AuthorizationHeaderMalformed"),
        (other("X-Amz-Date", "T", ""), "AccessDenied"),
        (other("X-Amz-Date", "20", "19"), "RequestTimeTooSkewed"),
        (other("X-Amz-Security-Token", "to/ken", "token"), "InvalidToken"),
        (lambda headers: headers.pop("X-Amz-Security-Token"), "InvalidToken"),
        (lambda headers: headers.pop("X-Amz-Content-SHA256"), "InvalidRequest"),
        (
            lambda headers: headers.update({"X-Amz-Content-SHA256": hashlib.sha256().hexdigest()}),
            "XAmzContentSHA256Mismatch",
        ),
        (
            lambda headers: headers.update({"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}),
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused(region: Client, change: Any, code: str) -> None:
    assert f"<Code>{code}</Code>" in put(region, change)


def test_another_key_s_signature_is_refused(region: Client) -> None:
    liar = Credentials("ASIAHOST", "guessed", "to/ken==")
    assert "<Code>SignatureDoesNotMatch</Code>" in put(region, lambda _: None, liar)


@pytest.mark.parametrize(("secret", "refused"), [("lab", False), ("else", True)])
def test_other_services_quote_the_path_as_they_do(
    region: Client, secret: str, refused: bool
) -> None:
    """All but S3 sign a path that is quoted twice."""
    auth = SigV4Auth(Credentials("lab", secret), "ses", "us-east-1")
    url = "https://email.us-east-1.amazonaws.com/v2/email/identities/a%2Bb@relay.example"
    said = asked(region, auth, url, CONTENT, lambda _: None).text
    assert ("SignatureDoesNotMatch" in said) == refused
