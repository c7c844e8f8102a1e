"""One recorder of the whole resource graph under Pulumi's mocks."""

import base64
import gzip
import json
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks as runtime_mocks

from lab.provider.invokes import get_config
from lab.provider.kinds import Clients

PROJECT, STACK = "mail-relay", "test"
# that are asked for by id
ZONE_IDS = {"Z0UP": "up.co.example", "Z0SPARE": "spare.up.co.example"}
ZONES = ["us-east-1a", "us-east-1b"]


@dataclass(frozen=True)
class Options:
    """What Pulumi calls a resource's options, as the engine gets them.

    Resources are told by the last part of their type, and their name. `dependencies` has those of
    `depends_on` and those whose outputs are among the inputs.
    """

    parent: tuple[str, str]
    protect: bool
    dependencies: frozenset[tuple[str, str]]
    delete_before_replace: bool
    ignore_changes: tuple[str, ...]
    secret_outputs: tuple[str, ...]
    was_without_parent: bool  # by an alias
    hooks: tuple[str, ...]

    @classmethod
    def of(cls, request: Any) -> "Options":
        """Those of a RegisterResourceRequest."""
        hooks = request.hooks
        return cls(
            _resource(request.parent),
            request.protect,
            frozenset(map(_resource, request.dependencies)),
            request.deleteBeforeReplace,
            tuple(request.ignoreChanges),
            tuple(request.additionalSecretOutputs),
            any(alias.spec.noParent for alias in request.aliases),
            (*hooks.before_create, *hooks.before_update),
        )


def _resource(urn: str) -> tuple[str, str]:
    _, _, last = urn.rpartition("$")
    kind, _, name = last.rpartition("::")
    return kind.rpartition("::")[2].rpartition(":")[2], name


@dataclass
class Recorded:
    """A resource as the engine would see it."""

    type: str
    name: str
    inputs: dict[str, Any]
    options: Options


@dataclass
class Recorder(runtime_mocks.Mocks):
    """Answers for the engine, and keeps what it was asked."""

    resources: list[Recorded] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    # of the resource that is being made: the mocks get none
    options: dict[tuple[str, str], Options] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    # outputs of resources, by the last part of their type and their name
    held: Mapping[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def new_resource(self, args: runtime_mocks.MockResourceArgs) -> tuple[str | None, dict]:
        self.resources.append(
            Recorded(args.typ, args.name, dict(args.inputs), self.options[args.typ, args.name])
        )
        outputs: dict[str, Any] = {**args.inputs}
        if args.typ == "aws:ec2/eip:Eip":
            outputs |= {"publicIp": "203.0.113.9", "allocationId": f"eipalloc-{args.name}"}
        if args.typ == "aws:ec2/networkInterface:NetworkInterface":
            outputs["privateIp"] = "10.20.0.9"
        if args.typ == "aws:sesv2/emailIdentity:EmailIdentity":
            outputs["dkimSigningAttributes"] = {"tokens": ["one", "two", "three"]}
        if args.typ == "aws:iam/accessKey:AccessKey":
            outputs["sesSmtpPasswordV4"] = "a-password-of-SES"
        if args.typ == "aws:route53/zone:Zone":
            outputs |= {"zoneId": f"Z-{args.inputs['name']}", "nameServers": ["b.ns", "a.ns"]}
        if args.typ == "aws:lb/loadBalancer:LoadBalancer":
            dns = f"{args.name}-1.elb.us-east-1.amazonaws.com"
            outputs |= {"arn": f"arn-of-{args.name}", "dnsName": dns, "zoneId": "Z26RNL4JYFTOTI"}
        if args.typ == "aws:lb/targetGroup:TargetGroup":
            outputs["arn"] = f"arn-of-{args.name}"
        if args.typ == "aws:iam/role:Role":
            outputs["arn"] = f"arn:aws:iam::123456789012:role/{args.name}"
        if args.typ.endswith(":InstanceConnectEndpoint"):
            outputs["dnsName"] = f"{args.name}.eice.example"
        if args.typ == "aws:sns/topic:Topic":
            outputs["arn"] = f"arn:aws:sns:us-east-1:123456789012:{args.inputs['name']}"
        if args.typ == "pulumi:index:Stash":
            outputs["output"] = args.inputs["input"]
        outputs.setdefault("name", args.name)
        outputs |= self.held.get((args.typ.rpartition(":")[2], args.name), {})
        return f"{args.name}-id", outputs

    def call(self, args: runtime_mocks.MockCallArgs) -> Any:
        self.calls.append((args.token, dict(args.args)))
        answers: dict[str, Any] = {
            "aws:index/getAvailabilityZones:getAvailabilityZones": {"names": ZONES},
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "123456789012"},
            "aws:route53/getRecords:getRecords": {"resourceRecordSets": []},
        }
        if args.token == "aws:ec2/getAmi:getAmi":
            (name,) = [wanted["values"] for wanted in args.args["filters"]]
            return {"id": f"ami-of-{name[0]}"}
        if args.token == "aws:route53/getZone:getZone":
            name = args.args.get("name") or ZONE_IDS[args.args["zoneId"]]
            zone_id = args.args.get("zoneId", f"Z-{name}")
            return {"zoneId": zone_id, "name": name, "nameServers": ["ns-1.awsdns.example"]}
        if args.token == "aws:sesv2/getEmailIdentity:getEmailIdentity":
            return {}, [("emailIdentity", "couldn't find resource")]
        if args.token == "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings":
            (types,) = [wanted["values"] for wanted in args.args["filters"]]
            pairs = [(kind, zone) for kind in types for zone in ZONES]
            return {"instanceTypes": [t for t, _ in pairs], "locations": [z for _, z in pairs]}
        if args.token == "cloudinit:index/getConfig:getConfig":
            return get_config(Clients(), dict(args.args))
        return answers[args.token]

    def export(self, name: str, value: Any) -> None:
        """pulumi.export."""
        pulumi.Output.from_input(value).apply(lambda known: self.outputs.update({name: known}))

    def of(self, kind: str) -> list[Recorded]:
        """The resources whose type ends so."""
        return [r for r in self.resources if r.type.endswith(f":{kind}")]

    def one(self, kind: str, name: str) -> Recorded:
        """Exactly one resource."""
        (found,) = [r for r in self.of(kind) if r.name == name]
        return found


class _Monitor(runtime_mocks.MockMonitor):
    """Keeps the options for the mocks."""

    def RegisterResource(self, request: Any) -> Any:
        assert isinstance(self.mocks, Recorder)
        self.mocks.options[request.type, request.name] = Options.of(request)
        return super().RegisterResource(request)


@contextmanager
def _mocked(recorder: Recorder, config: dict[str, str]) -> Iterator[None]:
    monitor = _Monitor(recorder)
    pulumi.runtime.set_mocks(recorder, PROJECT, STACK, preview=False, monitor=monitor)
    pulumi.runtime.set_all_config(config)
    yield


def declare(
    config: dict[str, str], held: Mapping[tuple[str, str], dict[str, Any]] | None = None
) -> Recorder:
    """Run the program with these settings; `held` are outputs that are not as asked for."""
    recorder = Recorder(held=held or {})

    @pulumi.runtime.test
    def run() -> None:
        with _mocked(recorder, config), pytest.MonkeyPatch.context() as patch:
            patch.setattr(pulumi, "export", recorder.export)
            runpy.run_path("__main__.py", run_name="__main__")

    run()
    return recorder


def host_files(graph: Recorder, host: str) -> dict[str, str]:
    """What is laid on a host, by path: the set-up object that its user data leads to."""
    made = graph.one("BucketObjectv2", f"setup-{host}").inputs
    assert made["key"] in user_data(graph.one("Instance", host))
    return json.loads(made["content"])


def user_data(instance: Recorded) -> str:
    """What cloud-init gets, readable."""
    return gzip.decompress(base64.b64decode(instance.inputs["userDataBase64"])).decode()
