"""The stack's objects in S3, by curl, which signs requests as the host's role.

curl is on Debian's image. AWS's own command line takes 0.9 s of a processor to write an object and
boto3 0.5 s to read one, most of it to load what knows all of AWS; twice a minute, that was more
than half of what a host did without mail.
"""

import hashlib
import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

METADATA = "169.254.169.254"
METADATA_SECONDS = 2.0
CONNECT_SECONDS, SECONDS = 5, 20  # for a connection, and for the whole
OK, SAME = 200, 304
# between what curl says and what it was told to write
MARK = "\n--\n"


class BucketError(Exception):
    """S3 was not asked, gave no whole answer, or did not take an object; the text says why."""


@dataclass(frozen=True)
class Reply:
    """An answer of S3: its headers by their names in lower case, and its content."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def code(self) -> str:
        """S3's code of an error, such as NoSuchKey, or the status."""
        _, begun, rest = self.content.partition(b"<Code>")
        code, ended, _ = rest.partition(b"</Code>")
        return code.decode(errors="replace") if begun and ended else str(self.status)


def get(url: str, limit: int, etag: str = "") -> Reply:
    """Read an object, s3://BUCKET/KEY, unless it has this ETag: then the status is SAME.

    BucketError, too, if it has more than `limit` bytes.
    """
    condition = [_line("header", f'if-none-match: "{etag}"')] if etag else []
    return _ask(url, b"", _line("max-filesize", str(limit)), *condition)


def put(url: str, file: Path, kind: str) -> None:
    """Write a file's content as an object of a media type."""
    reply = _ask(
        url,
        file.read_bytes(),
        _line("request", "PUT"),
        _line("data-binary", f"@{file}"),
        _line("header", f"content-type: {kind}"),
    )
    if reply.status != OK:
        raise BucketError(reply.code)


def _ask(url: str, content: bytes, *lines: str) -> Reply:
    domain, role = _metadata()
    written = "%{stderr}" + MARK.replace("\n", "\\n") + "%{http_code} %{header_json}"
    # by standard input: everybody reads the command lines of processes
    config = [
        _line("url", _address(url, domain)),
        _line("aws-sigv4", f"aws:amz:{os.environ['AWS_DEFAULT_REGION']}:s3"),
        _line("user", f"{role['AccessKeyId']}:{role['SecretAccessKey']}"),
        _line("header", f"x-amz-security-token: {role['Token']}"),
        # what is signed of the content; S3 wants it in any case
        _line("header", f"x-amz-content-sha256: {hashlib.sha256(content).hexdigest()}"),
        _line("connect-timeout", str(CONNECT_SECONDS)),
        _line("max-time", str(SECONDS)),
        f'write-out = "{written}"',
        "silent",
        "show-error",
        *lines,
    ]
    done = subprocess.run(
        ["curl", "--disable", "--config", "-"],
        input="".join(f"{line}\n" for line in config).encode(),
        capture_output=True,
        check=False,
    )
    said, _, told = done.stderr.decode(errors="replace").rpartition(MARK)
    if done.returncode != 0:
        raise BucketError(said.strip() or f"curl ended with {done.returncode}")
    status, _, headers = told.partition(" ")
    found = {name: values[-1] for name, values in json.loads(headers).items()}
    return Reply(int(status), found, done.stdout)


def _address(url: str, domain: str) -> str:
    """The address of an object; names of our buckets have no dots, so TLS names fit."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return f"https://{bucket}.s3.{os.environ['AWS_DEFAULT_REGION']}.{domain}/{quote(key)}"


def _line(option: str, value: str) -> str:
    """A line of curl's configuration; its words are in quotes (curl(1), --config)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{option} = "{escaped}"'


def _metadata() -> tuple[str, dict[str, Any]]:
    """AWS's domain here, and the role's credentials, by IMDSv2; raises BucketError."""
    service = http.client.HTTPConnection(METADATA, timeout=METADATA_SECONDS)

    def ask(method: str, path: str, **headers: str) -> str:
        service.request(method, f"/latest/{path}", headers=headers)
        answer = service.getresponse()
        text = answer.read().decode()
        if answer.status != OK:
            raise BucketError(f"the metadata service says {answer.status} for {path}")
        return text

    roles = "meta-data/iam/security-credentials/"
    try:
        token = ask("PUT", "api/token", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        given = {"X-aws-ec2-metadata-token": token}
        domain = ask("GET", "meta-data/services/domain", **given)
        role = ask("GET", roles, **given).split()[0]
        found = json.loads(ask("GET", f"{roles}{role}", **given))
        # the answer is an error, with status 200, while the role cannot be had
        if found.get("Code") != "Success":
            said = f"{found.get('Code')}, {found.get('Message')}"
            raise BucketError(f"the metadata service has no credentials: {said}")
        return domain, found
    except (OSError, http.client.HTTPException, ValueError, IndexError) as error:
        raise BucketError(f"the metadata service: {error}") from None
    finally:
        service.close()
