"""Signatures of requests (SigV4), held to their key as AWS does.

Whoever signs wrongly would be served by a lab that only reads whose key it is. A key that nobody
has is the administrator's (rules/permissions.py), and cannot be checked.
"""

import hashlib
import hmac
import http.client
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory

ADMINISTRATOR = Credentials("lab", "lab")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
HASH = re.compile("[0-9a-f]{64}")
# "Signature Version 4 signing process": a request is valid for five minutes; S3 says fifteen.
LASTS, LASTS_S3 = timedelta(minutes=5), timedelta(minutes=15)


def credentials(memory: Memory, key: str) -> Credentials | None:
    """The credentials that an access key belongs to: the administrator's, a role's or a user's."""
    if key == ADMINISTRATOR.access_key:
        return ADMINISTRATOR
    for held in memory.credentials.values():
        if held["AccessKeyId"] == key:
            return Credentials(key, held["SecretAccessKey"], held["Token"])
    for user in backends.iam().users.values():
        for one in user.access_keys:
            if one.access_key_id == key and one.status == "Active":
                return Credentials(key, one.secret_access_key)
    return None


def check(holder: Credentials, request: Request, body: bytes) -> None:
    """Raise ApiError unless this holder signed the request, its content included, just now."""
    given = AUTHORIZATION.fullmatch(request.headers["Authorization"])
    if given is None:
        told = "The authorization header is malformed"
        raise ApiError("AuthorizationHeaderMalformed", told)
    region, service, names, signature = given.groups()
    _check_time(service, request.headers.get("X-Amz-Date", ""))
    if request.headers.get("X-Amz-Security-Token", "") != (holder.token or ""):
        told = "The provided token is malformed or otherwise invalid."
        raise ApiError("InvalidToken", told, 400 if service == "s3" else 403)
    claimed = request.headers.get("X-Amz-Content-Sha256", "")
    found = hashlib.sha256(body).hexdigest()
    if HASH.fullmatch(claimed) and claimed != found:
        told = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise ApiError("XAmzContentSHA256Mismatch", told)
    if service == "s3" and not claimed:
        told = "Missing required header for this request: x-amz-content-sha256"
        raise ApiError("InvalidRequest", told)
    wanted = _signature(holder, region, service, request, names.split(";"), claimed or found)
    if not hmac.compare_digest(wanted, signature):
        told = "The request signature we calculated does not match the signature you provided."
        raise ApiError("SignatureDoesNotMatch", told, 403)


def _check_time(service: str, written: str) -> None:
    try:
        made = datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError("AccessDenied", "AWS authentication requires a valid date", 403) from None
    off = abs(datetime.now(UTC) - made)
    if service == "s3" and off > LASTS_S3:
        told = "The difference between the request time and the current time is too large."
        raise ApiError("RequestTimeTooSkewed", told, 403)
    if service != "s3" and off > LASTS:
        raise ApiError("SignatureDoesNotMatch", f"Signature expired: {written}", 403)


def _signature(
    holder: Credentials,
    region: str,
    service: str,
    request: Request,
    names: list[str],
    content: str,
) -> str:
    kind: Any = S3SigV4Auth if service == "s3" else SigV4Auth

    class Signer(kind):
        def headers_to_sign(self, request: Any) -> Any:
            """Those that the caller signed, as they came."""
            return signed

        def payload(self, request: Any) -> str:
            """The hash that the caller signed."""
            return content

    signed = http.client.HTTPMessage()
    for name in names:
        # the lab's nginx hands a body over whole that came in pieces
        before = "chunked" if name == "transfer-encoding" else ""
        signed[name] = request.headers.get(name, before)
    # its path as it was written: each service has its own rule of quoting
    plain: Any = AWSRequest(request.method, f"https://{request.host}{request.environ['RAW_URI']}")
    plain.context["timestamp"] = request.headers["X-Amz-Date"]
    signer: Any = Signer(holder, service, region)
    text = signer.string_to_sign(plain, signer.canonical_request(plain))
    return str(signer.signature(text, plain))
