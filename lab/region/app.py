"""The AWS API: our rules run before moto, and our corrections after it."""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from lab.region import control_api, dlm, log_groups, signatures, wire
from lab.region.backends import REGION  # sets moto up before it loads
from lab.region.cloudwatch import alarm_calls, dashboard_calls, metric_calls
from lab.region.errors import ApiError, answer
from lab.region.instance_connect import forget_deleted
from lab.region.memory import Memory
from lab.region.rules import (
    account,
    ec2,
    health_checks,
    instance_connect,
    load_balancers,
    permissions,
    route53,
    s3,
    ses,
)
from lab.region.sns import topics

CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
JSON = "application/json"
BUCKET_HOST = re.compile(r"^(.+)\.s3(\.[a-z0-9-]+)?\.amazonaws\.com$")
SNS_HOST = re.compile(r"^sns\.[a-z0-9-]+\.amazonaws\.com$")
CLOUDWATCH = {**metric_calls.CALLS, **alarm_calls.CALLS, **dashboard_calls.CALLS}
EC2_BEFORE = {**ec2.BEFORE, **instance_connect.BEFORE}
EC2_INSTEAD = {**ec2.INSTEAD, **instance_connect.INSTEAD}
CLOUDWATCH_LIMIT = 1024 * 1024  # of a request, in bytes
S3_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True)
class Asked:
    """A request as WSGI has it, with the access key and the service that it is signed for."""

    service: str
    key: str
    request: Request
    body: bytes
    environ: dict[str, Any]
    start_response: Any

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the Query protocol."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def rewrite(self, body: bytes) -> None:
        """Give the applications that follow another body."""
        self.environ["wsgi.input"] = io.BytesIO(body)
        self.environ["CONTENT_LENGTH"] = str(len(body))

    def answer(self, application: WsgiApp) -> Iterable[bytes]:
        """The answer of a WSGI application."""
        return application(self.environ, self.start_response)


class Region:
    """The WSGI application. One request at a time, because moto's backends have no locks."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._moto: WsgiApp = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        with self._memory.lock:
            if request.path.startswith("/_lab/"):
                return control_api.handle(self._memory, request)(environ, start_response)
            credential = CREDENTIAL.search(request.headers.get("Authorization", ""))
            key, region, service = credential.groups() if credential else ("", REGION, "")
            try:
                if not service and SNS_HOST.match(request.host.partition(":")[0]):
                    return self._visitor(request)(environ, start_response)
                if region != REGION:  # calls of global services are signed for this one too
                    told = "Credential should be scoped to a valid region."
                    raise ApiError("SignatureDoesNotMatch", told, 403)
                if holder := signatures.credentials(self._memory, key):
                    signatures.check(holder, request, body)
                return self._serve(Asked(service, key, request, body, environ, start_response))
            except ApiError as error:
                refusal = wire.refuse if service in wire.SERVICES else _refusal
                return refusal(service, request, error)(environ, start_response)

    def _serve(self, asked: Asked) -> Iterable[bytes]:
        service, key, request = asked.service, asked.key, asked.request
        if service == "ec2":
            return self._ec2(asked)
        if service == "route53":
            return self._route53(asked)
        if service in wire.SERVICES:
            return list(self._call(asked))
        if service == "dlm":
            permissions.judge(self._memory, key, f"dlm:{request.method}", "*", {})
            return asked.answer(dlm.answer(self._memory, request, asked.body))
        if service == "logs":
            found = log_groups.answer(self._memory, key, request, asked.body)
            return asked.answer(Response(found, content_type=JSON) if found else self._moto)
        if service == "s3":
            self._s3(key, request)
        elif key in self._memory.sessions:
            action = dict(parse_qsl(asked.body.decode("latin-1"))).get("Action", request.method)
            permissions.judge(self._memory, key, f"{service}:{action}", "*", {})
        content = account.answer(self._memory, service, request, asked.body)
        if content is not None:
            return asked.answer(Response(content, content_type=JSON))
        balances = service == "elasticloadbalancing"
        parameters = asked.parameters if balances else {}
        action = parameters.get("Action", "")
        if action in load_balancers.BEFORE:
            load_balancers.BEFORE[action](self._memory, parameters)
        result = list(asked.answer(self._moto))
        if action in load_balancers.AFTER:
            load_balancers.AFTER[action](self._memory, parameters)
        if service == "ses":
            ses.after_any_call()
        return result

    def _call(self, asked: Asked) -> Iterable[bytes]:
        """A call of CloudWatch, or of SNS, which moto serves in part."""
        if len(asked.body) > CLOUDWATCH_LIMIT:
            raise ApiError("RequestEntityTooLarge", "The request is too large.", 413)
        call = wire.decode(asked.service, asked.request, asked.body)
        given, resource = call.parameters, call.parameters.get("TopicArn", "*")
        context = {"cloudwatch:namespace": [given["Namespace"]]} if "Namespace" in given else {}
        called = f"{call.service}:{call.action}"
        permissions.judge(self._memory, asked.key, called, resource, context)
        instead = CLOUDWATCH if call.service == "cloudwatch" else topics.INSTEAD
        if call.action in topics.BEFORE:
            topics.BEFORE[call.action](self._memory, given)
        if call.action in instead:
            return asked.answer(wire.encode(call, instead[call.action](self._memory, given)))
        if call.service == "cloudwatch":
            raise ApiError("InvalidAction", f"the lab does not have {call.action}")
        return asked.answer(self._moto)

    def _visitor(self, request: Request) -> Response:
        """A page of SNS's, which anybody may visit."""
        with_body = request.form if request.method == "POST" else {}
        told = topics.visit(self._memory, request.path, {**request.args, **with_body})
        return Response(told or "no such page\n", 200 if told else 404)

    def _ec2(self, asked: Asked) -> Iterable[bytes]:
        parameters = asked.parameters
        action = parameters.get("Action", "")
        permissions.judge(self._memory, asked.key, f"ec2:{action}", "*", {})
        account.hold(self._memory, action, parameters)
        forget_deleted(self._memory.endpoints)
        if action in EC2_INSTEAD:
            content = EC2_INSTEAD[action](self._memory, parameters)
            return asked.answer(Response(content, content_type="text/xml"))
        if action in EC2_BEFORE:
            EC2_BEFORE[action](self._memory, parameters)
            asked.rewrite(urlencode(parameters).encode())
        result = list(asked.answer(self._moto))
        if action in ec2.AFTER:
            ec2.AFTER[action](self._memory, parameters)
        return result

    def _route53(self, asked: Asked) -> Iterable[bytes]:
        key, request = asked.key, asked.request
        path = route53.PATH.match(request.path)
        if path and request.method == "POST":
            batch = route53.changes(asked.body)
            context = {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
                    given["Name"].rstrip(".") for _, given in batch
                ],
                "route53:ChangeResourceRecordSetsRecordTypes": [g["Type"] for _, g in batch],
                "route53:ChangeResourceRecordSetsActions": [action for action, _ in batch],
            }
            zone = f"arn:aws:route53:::hostedzone/{path[1]}"
            permissions.judge(self._memory, key, "route53:ChangeResourceRecordSets", zone, context)
            content = route53.change(path[1], batch)
            return asked.answer(Response(content, content_type="text/xml"))
        if "/change/" in request.path:
            identity = request.path.rpartition("/")[2]
            arn = f"arn:aws:route53:::change/{identity}"
            permissions.judge(self._memory, key, "route53:GetChange", arn, {})
            content = route53.get_change(held=self._memory.changes_held)
            return asked.answer(Response(content, content_type="text/xml"))
        if request.path.rstrip("/").endswith("/hostedzone") and request.method == "GET":
            permissions.judge(self._memory, key, "route53:ListHostedZones", "*", {})
        elif path:
            permissions.judge(
                self._memory,
                key,
                "route53:ListResourceRecordSets",
                f"arn:aws:route53:::hostedzone/{path[1]}",
                {},
            )
        else:
            arn = f"arn:aws:route53:::{request.path.removeprefix('/2013-04-01/')}"
            permissions.judge(self._memory, key, f"route53:{request.method}", arn, {})
        if health_checks.PATH.match(request.path):
            return self._health_checks(asked)
        return asked.answer(self._moto)

    def _health_checks(self, asked: Asked) -> Iterable[bytes]:
        request = asked.request
        if (content := health_checks.status(self._memory, request.path)) is not None:
            return asked.answer(Response(content, content_type="text/xml"))
        body = health_checks.before(self._memory, request.method, request.path, asked.body)
        asked.rewrite(body)
        return asked.answer(self._moto)

    def _s3(self, key: str, request: Request) -> None:
        host = BUCKET_HOST.match(request.host.partition(":")[0])
        path = unquote(request.path).lstrip("/")
        bucket, _, name = (host[1], "", path) if host else path.partition("/")
        action = S3_ACTIONS.get(request.method, request.method) if name else "ListBucket"
        if request.args and request.method == "GET" and not name:
            action = "ListBucket"
        arn = f"arn:aws:s3:::{bucket}/{name}" if name else f"arn:aws:s3:::{bucket}"
        permissions.judge(self._memory, key, f"s3:{action}", arn, {})
        if request.method == "PUT" and not name and not request.query_string:
            s3.create_bucket(bucket)


def _refusal(service: str, _: Request, error: ApiError) -> Response:
    return answer(service, error)
