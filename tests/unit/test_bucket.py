"""What the host's S3 requests look like on the wire: curl's signatures, held to botocore's."""

import hashlib
import http.client
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from agent import bucket

REGION = "eu-central-1"
# what a configuration in quotes has to escape
ROLE = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": 'se/c+r"e\\t=', "Token": "tok/en+abc=="}


@dataclass
class Service:
    """A server that answers every request alike, and keeps what it was asked."""

    status: int = 200
    content: bytes = b"hello"
    promised: int | None = None
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(
        default_factory=list[tuple[str, str, dict[str, str], bytes]]
    )


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append((self.command, self.path, headers, self.rfile.read(length)))
            self.send_response(service.status)
            given = len(service.content) if service.promised is None else service.promised
            self.send_header("Content-Length", str(given))
            self.send_header("ETag", '"abc"')
            self.end_headers()
            self.wfile.write(service.content)

        do_GET = do_PUT = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def address(url: str, domain: str) -> str:
        assert domain == "amazonaws.com"
        return f"http://127.0.0.1:{server.server_port}/{url.split('/', 3)[3]}"

    monkeypatch.setattr(bucket, "_address", address)
    monkeypatch.setattr(bucket, "_metadata", lambda: ("amazonaws.com", ROLE))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    yield service
    server.shutdown()


def signature(method: str, path: str, headers: dict[str, str]) -> str:
    """botocore's signature of a request with exactly these signed headers."""
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")

    class Auth(S3SigV4Auth):
        def headers_to_sign(self, request: Any) -> Any:
            found = http.client.HTTPMessage()
            for name in signed:
                found[name] = headers[name]
            return found

        def payload(self, request: Any) -> str:
            return headers["x-amz-content-sha256"]

    assert {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} <= {*signed}
    keys = Credentials(ROLE["AccessKeyId"], ROLE["SecretAccessKey"], ROLE["Token"])
    auth = Auth(keys, "s3", REGION)
    request: Any = AWSRequest(method=method, url=f"http://{headers['host']}{path}")
    request.context["timestamp"] = headers["x-amz-date"]
    whole = auth.string_to_sign(request, auth.canonical_request(request))
    return str(auth.signature(whole, request))


URL = "s3://stack-bucket/clients/app.shop.example.json"


@pytest.mark.parametrize("etag", ["", "0123456789abcdef"])
def test_an_object_is_asked_for_as_botocore_would_sign_it(there: Service, etag: str) -> None:
    reply = bucket.get(URL, 100, etag)
    assert (reply.status, reply.content, reply.headers["etag"]) == (200, b"hello", '"abc"')
    ((method, path, headers, _),) = there.asked
    assert (method, path) == ("GET", "/clients/app.shop.example.json")
    assert headers.get("if-none-match", "") == (f'"{etag}"' if etag else "")
    assert headers["authorization"].endswith(f"Signature={signature(method, path, headers)}")


@pytest.mark.parametrize(
    "content",
    [b"{}", b"", b"x" * 3_000_000, b"@/etc/passwd\n"],
    ids=["json", "empty", "large", "a file's name"],
)
def test_a_file_is_written_whole(there: Service, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "status.json"
    file.write_bytes(content)
    bucket.put(URL, file, "application/json")
    ((method, path, headers, body),) = there.asked
    assert (method, body, headers["content-type"]) == ("PUT", content, "application/json")
    assert headers["x-amz-content-sha256"] == hashlib.sha256(content).hexdigest()
    assert headers["authorization"].endswith(f"Signature={signature(method, path, headers)}")


def test_what_has_not_changed_has_no_content(there: Service) -> None:
    there.status, there.content = 304, b""
    assert bucket.get(URL, 100, "abc").status == bucket.SAME


def test_an_error_is_told_by_its_code(there: Service) -> None:
    there.status, there.content = 403, b"<Error><Code>AccessDenied</Code></Error>"
    assert bucket.get(URL, 100).code == "AccessDenied"
    there.content = b"<html>"
    assert bucket.get(URL, 100).code == "403"


def test_what_s3_does_not_take_is_an_error(there: Service, tmp_path: Path) -> None:
    there.status, there.content = 503, b"<Error><Code>SlowDown</Code></Error>"
    file = tmp_path / "status.json"
    file.write_text("{}")
    with pytest.raises(bucket.BucketError, match=r"^SlowDown$"):
        bucket.put(URL, file, "application/json")


def test_what_is_too_large_or_cut_off_is_no_reply(there: Service) -> None:
    with pytest.raises(bucket.BucketError, match=r"curl: \(63\)"):
        bucket.get(URL, 4)
    there.promised = 10
    with pytest.raises(bucket.BucketError, match=r"curl: \(18\)"):
        bucket.get(URL, 100)


def test_nobody_reads_the_keys_in_a_list_of_processes(
    there: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[Any]()
    real = subprocess.run

    def run(command: list[str], **given: Any) -> Any:
        seen.append((command, given.get("env")))
        return real(command, **given)

    monkeypatch.setattr(subprocess, "run", run)
    bucket.get(URL, 100)
    assert seen == [(["curl", "--disable", "--config", "-"], None)]


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, str]]]:
    """The metadata service; what it answers, in turn."""
    answers = list[tuple[int, str]]()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, text = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(bucket, "METADATA", f"127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    yield answers
    server.shutdown()


GONE = '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role host"}'
TOKEN, DOMAIN, NAME = (200, "token"), (200, "amazonaws.com.cn"), (200, "role-1\n")


def test_credentials_and_the_domain_are_those_of_the_metadata_service(
    metadata: list[tuple[int, str]],
) -> None:
    metadata += [TOKEN, DOMAIN, NAME, (200, '{"Code": "Success", "AccessKeyId": "a"}')]
    domain, role = bucket._metadata()
    assert (domain, role["AccessKeyId"]) == ("amazonaws.com.cn", "a")
    assert bucket._address("s3://b/status/h.json", "amazonaws.com.cn") == (
        f"https://b.s3.{REGION}.amazonaws.com.cn/status/h.json"
    )


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([(403, "")], "the metadata service says 403 for api/token"),
        ([TOKEN, DOMAIN, (404, "")], "says 404 for meta-data/iam/security-credentials/"),
        ([TOKEN, DOMAIN, (200, "")], "the metadata service: "),
        ([TOKEN, DOMAIN, NAME, (200, "no")], "the metadata service: "),
        ([TOKEN, DOMAIN, NAME, (200, GONE)], "no credentials: AssumeRoleUnauthorizedAccess, EC2 "),
    ],
)
def test_a_host_without_a_role_says_so(
    metadata: list[tuple[int, str]], answers: list[tuple[int, str]], why: str
) -> None:
    metadata += answers
    with pytest.raises(bucket.BucketError, match=why):
        bucket.get(URL, 100)
    assert metadata == []


def test_no_metadata_service_is_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "METADATA", "127.0.0.1:1")
    with pytest.raises(bucket.BucketError, match=r"the metadata service: .*refused"):
        bucket.get(URL, 100)
