"""A session for submission with a real server: TLS, one try of a password, and who is told what."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from verify_world import GATEWAY, certificates

from ops import submission
from ops.outputs import Host
from ops.plain_words import failure

HOST = Host(name=GATEWAY, address="203.0.113.9", instance_id="i-1", tables="", status="")


class Tried:
    """Each password that was tried; only one is right."""

    def __init__(self) -> None:
        self.mechanisms: list[str] = []

    def __call__(self, server: SMTP, session: object, envelope: object, how: str, data: object):
        self.mechanisms.append(how)
        return AuthResult(success=getattr(data, "password", b"") == b"secret-123", handled=False)


class Impatient:
    """A server that ends a session after a refused password, as a slowed address meets it."""

    async def handle_QUIT(self, server: SMTP, session: object, envelope: object) -> str:
        return "421 4.7.0 Error: too many errors"


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What we trust, and the server's certificate."""
    trusted, contexts = certificates(tmp_path_factory.mktemp("certificates"))
    return trusted, contexts["right"]


@contextmanager
def server(trust: tuple[ssl.SSLContext, ssl.SSLContext], tried: Tried) -> Iterator[smtplib.SMTP]:
    """A session with a server on loopback that is the gateway's 587."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(
        Impatient(),
        hostname="127.0.0.1",
        port=port,
        authenticator=tried,
        tls_context=trust[1],
    )
    controller.start()
    try:
        with submission.connect(
            lambda address, _: socket.create_connection(("127.0.0.1", port), 5), trust[0], HOST, 587
        ) as session:
            yield session
    finally:
        controller.stop()


def test_a_right_password_is_taken(trust: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    tried = Tried()
    with server(trust, tried) as session:
        submission.log_in(session, "me@shop.example", "secret-123")
        assert session.sock.version() == "TLSv1.3"  # type: ignore[union-attr]
    assert tried.mechanisms == ["PLAIN"]


def test_a_wrong_password_is_tried_once_and_its_answer_is_what_is_told(
    trust: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """Each further mechanism would be a wrong password more by fail2ban's count."""
    tried = Tried()
    with (
        pytest.raises(smtplib.SMTPAuthenticationError) as refused,
        server(trust, tried) as session,
    ):
        assert {"PLAIN", "LOGIN"} <= set(session.esmtp_features["auth"].split())
        submission.log_in(session, "me@shop.example", "another-1")
    assert tried.mechanisms == ["PLAIN"]
    assert failure(refused.value).startswith("535 5.7.8")


def test_a_certificate_for_another_name_is_refused(
    trust: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path
) -> None:
    _, contexts = certificates(tmp_path)
    with (
        pytest.raises(ssl.SSLCertVerificationError) as refused,
        server((trust[0], contexts["other name"]), Tried()),
    ):
        pass
    assert failure(refused.value).startswith("the certificate: ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            smtplib.SMTPResponseException(451, b"4.3.0 later\nand later"),
            "451 4.3.0 later and later",
        ),
        (smtplib.SMTPServerDisconnected("please run connect() first"), "it ended the connection"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "timed out"),
        # imaplib gives the server's octets
        (OSError(b"[AUTHENTICATIONFAILED] no"), "[AUTHENTICATIONFAILED] no"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_an_error_is_told_in_plain_words(error: Exception, said: str) -> None:
    assert failure(error) == said
