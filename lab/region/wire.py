"""Requests and answers of services with several protocols, by AWS's own models of them.

CloudWatch takes form fields (query) and JSON: boto3 sends JSON, the AWS command line of Debian's
image form fields. AWS takes CBOR too, which the SDK for Go sends; the lab does not.
"""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError
from moto.core.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request, Response

from lab.region import errors
from lab.region.errors import ApiError

JSON, QUERY = "json", "query"
# botocore's names of services, by those that requests are signed for
SERVICES = {"monitoring": "cloudwatch", "sns": "sns"}


@dataclass(frozen=True)
class Call:
    """One request: the service by its name in policies, the action, and its parameters."""

    service: str
    protocol: str
    action: str
    parameters: dict[str, Any]


@cache
def _model(service: str) -> ServiceModel:
    return get_service_model(service)


def protocol_of(request: Request) -> str:
    """The protocol of a request, by its content type."""
    kind = request.content_type or ""
    if kind.startswith("application/x-amz-json"):
        return JSON
    if "cbor" in kind:
        raise ApiError("UnknownOperationException", "the lab's CloudWatch does not speak CBOR")
    return QUERY


def decode(service: str, request: Request, body: bytes) -> Call:
    """Read a request for a service that it is signed for; lists and numbers are as in the model."""
    name, protocol = SERVICES[service], protocol_of(request)
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    fields = MultiDict([*request.args.items(multi=True)])
    if protocol == QUERY:
        fields.update(parse_qsl(body.decode(), keep_blank_values=True))
        action = fields.get("Action", "")
    else:
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    try:
        operation = _model(name).operation_model(action)
    except OperationNotFoundError:
        raise ApiError("InvalidAction", f"Could not find operation {action}") from None
    given = {
        "method": request.method,
        "values": fields,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": {},
    }
    parser = PROTOCOL_PARSERS[protocol](operation, timestamp_parser=_time)
    return Call(name, protocol, action, parser.parse(given))


def _time(value: Any) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    text = str(value)
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def encode(call: Call, result: dict[str, Any]) -> Response:
    """The answer to a call, in the call's protocol; None is left out."""
    operation = _model(call.service).operation_model(call.action)
    serializer = get_serializer_class(call.service, call.protocol)(operation)
    made = serializer.serialize(result)
    kind = "text/xml" if call.protocol == QUERY else "application/x-amz-json-1.0"
    return Response(made["body"], made["status_code"], content_type=kind)


def refuse(service: str, request: Request, error: ApiError) -> Response:
    """An error in the request's protocol.

    CloudWatch's JSON names the codes of the query protocol in a header (awsQueryCompatible).
    """
    if not (request.content_type or "").startswith("application/x-amz-json"):
        return errors.answer(service, error)
    text = json.dumps({"__type": error.code, "message": error.message})
    made = Response(text, error.status, content_type="application/x-amz-json-1.0")
    made.headers["x-amzn-query-error"] = f"{error.code};Sender"
    return made
