"""The engine's gRPC protocol, served from the table of resource types."""

import json
from collections.abc import Callable
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.provider import (
    dlm,
    health_checks,
    hosts,
    identity,
    instance_connect,
    load_balancers,
    logs,
    monitoring,
    network,
    ses,
    storage,
    zones,
)
from lab.provider.imports import ImportRefused
from lab.provider.invokes import INVOKES, InvokeError
from lab.provider.kinds import Clients, Kind, Properties

KINDS: dict[str, Kind] = {
    **network.KINDS,
    **hosts.KINDS,
    **identity.KINDS,
    **instance_connect.KINDS,
    **zones.KINDS,
    **health_checks.KINDS,
    **storage.KINDS,
    **ses.KINDS,
    **load_balancers.KINDS,
    **logs.KINDS,
    **monitoring.KINDS,
    **dlm.KINDS,
}
RANDOM = 7
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def to_python(struct: struct_pb2.Struct) -> Properties:
    """Properties as Python values: whole numbers as int, without `__` keys and nulls."""
    return _tidy(MessageToDict(struct))


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tidy(v) for k, v in value.items() if v is not None and not k.startswith("__")}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_struct(properties: Properties) -> struct_pb2.Struct:
    """Python values as a protobuf Struct."""
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


def urn_type(urn: str) -> str:
    """The resource type in a URN."""
    return urn.split("::")[2].rpartition("$")[2]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A plug-in process, `aws` or `cloudinit`."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.clients = Clients()

    def Handshake(self, request: Any, context: Any) -> Any:
        """Not implemented; the engine goes on with Configure."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Handshake")

    def Parameterize(self, request: Any, context: Any) -> Any:
        """Not implemented."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Parameterize")

    def GetMapping(self, request: Any, context: Any) -> Any:
        """No mapping."""
        return provider_pb2.GetMappingResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """The version that the SDK asks for."""
        return plugin_pb2.PluginInfo(version=self.version)

    def Attach(self, request: Any, context: Any) -> Any:
        """Nothing to attach to."""
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        """Calls are short; they end by themselves."""
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        """Every configuration is valid."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        """A changed configuration replaces nothing."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        """Region and default tags; the latter come as a JSON string."""
        given = to_python(request.args)
        default = given.get("defaultTags") or {}
        if isinstance(default, str):
            default = json.loads(default)
        self.clients = Clients(given.get("region", "us-east-1"), default.get("tags", {}))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        """Call a function."""
        function = INVOKES.get(request.tok)
        if function is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the lab has no function {request.tok}")
            raise AssertionError  # abort has raised
        try:
            found = function(self.clients, to_python(request.args))
        except InvokeError as error:
            # as in the bridge, this is an error of the call and not of an argument
            said = f"invoking {request.tok}: 1 error occurred:\n\t* {error}\n\n"
            context.abort(grpc.StatusCode.UNKNOWN, said)
            raise AssertionError from error
        except (ClientError, BotoCoreError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise AssertionError from error
        return getattr(provider_pb2, "InvokeResponse")(**{"return": to_struct(found)})  # noqa: B009

    def Check(self, request: Any, context: Any) -> Any:
        """Refuse unknown properties, and generate names where the real provider does."""
        kind = self._kind(request.urn, context)
        news, olds = to_python(request.news), to_python(request.olds)
        failures = [
            provider_pb2.CheckFailure(
                property=name,
                reason=f"the lab's {urn_type(request.urn)} has no property {name!r}; it has "
                f"{', '.join(sorted(kind.inputs))}",
            )
            for name in sorted(set(news) - kind.inputs)
        ]
        news = {**kind.defaults, **news}
        if problem := kind.problem(news):
            failures.append(provider_pb2.CheckFailure(reason=problem))
        if kind.auto_named and kind.auto_named not in news:
            held = olds.get(kind.auto_named)
            made = held or f"{request.urn.rpartition('::')[2]}-{request.randomSeed.hex()[:RANDOM]}"
            news[kind.auto_named] = made
            if len(made) > kind.longest_name:
                reason = (
                    f"name '{made[:-RANDOM]}' plus {RANDOM} random chars is longer than maximum "
                    f"length {kind.longest_name}"
                )
                failure = provider_pb2.CheckFailure(property=kind.auto_named, reason=reason)
                failures.append(failure)
        return provider_pb2.CheckResponse(inputs=to_struct(news), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        """The inputs that differ, and whether they update or replace the resource."""
        kind = self._kind(request.urn, context)
        olds, news = to_python(request.old_inputs), to_python(request.news)
        ignored = {*request.ignoreChanges, *(kind.computed - news.keys())}
        changed = sorted(
            name
            for name in set(olds) | set(news)
            if olds.get(name) != news.get(name) and name not in ignored
        )
        held = to_python(request.olds).get("tagsAll")
        tagged = "tags" in kind.inputs and kind.update is not None and held is not None
        if tagged and held != self.clients.tags(news) and "tags" not in {*ignored, *changed}:
            changed.append("tags")
        forced = kind.replaces | kind.forces(olds, news)
        replaces = [name for name in changed if name in forced or kind.update is None]
        if not changed:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        of = provider_pb2.PropertyDiff
        detail = {
            name: of(kind=of.UPDATE_REPLACE if name in replaces else of.UPDATE, inputDiff=True)
            for name in changed
        }
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            diffs=changed,
            replaces=replaces,
            detailedDiff=detail,
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and kind.delete_before_replace,
        )

    def Create(self, request: Any, context: Any) -> Any:
        """Create the resource; in a preview, the API's outputs stay unknown."""
        kind = self._kind(request.urn, context)
        news = to_python(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)

        def create() -> Any:
            made = kind.create(self.clients, news)
            state = {**news, **(kind.read(self.clients, made, news) or {})}
            return provider_pb2.CreateResponse(id=made, properties=to_struct(state))

        return self._calling(create, context)

    def Read(self, request: Any, context: Any) -> Any:
        """The resource's state and inputs from the API; empty if it is gone.

        Without a state it is an import, whatever the inputs are, as in the real provider.
        """
        kind = self._kind(request.urn, context)
        inputs, state = to_python(request.inputs), to_python(request.properties)

        def read() -> Any:
            identity, held, wanted = request.id, {**inputs, **state}, frozenset(inputs)
            if not state:
                identity, held = kind.importer(self.clients, request.id)
                wanted = kind.inputs
            found = kind.read(self.clients, identity, held)
            if found is None:
                return provider_pb2.ReadResponse()
            whole = {**held, **found}
            now = {k: v for k, v in {**whole, **inputs, **found}.items() if k in wanted}
            return provider_pb2.ReadResponse(
                id=identity, properties=to_struct(whole), inputs=to_struct(now)
            )

        return self._calling(read, context)

    def Update(self, request: Any, context: Any) -> Any:
        """Update in place; in a preview the old outputs stay known."""
        kind = self._kind(request.urn, context)
        olds, news = to_python(request.olds), to_python(request.news)
        # an input that is removed is not in the new state either
        kept = {k: v for k, v in olds.items() if k not in kind.inputs}
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct({**kept, **news}))

        def update() -> Any:
            if kind.update is not None:
                kind.update(self.clients, request.id, olds, news)
            found = kind.read(self.clients, request.id, news) or {}
            return provider_pb2.UpdateResponse(properties=to_struct({**kept, **news, **found}))

        return self._calling(update, context)

    def Delete(self, request: Any, context: Any) -> Any:
        """Delete the resource, if it still exists."""
        kind = self._kind(request.urn, context)
        state = to_python(request.properties)

        def delete() -> Any:
            kind.delete(self.clients, request.id, state)
            return empty_pb2.Empty()

        return self._calling(delete, context)

    def _kind(self, urn: str, context: Any) -> Kind:
        kind = KINDS.get(urn_type(urn))
        if kind is None:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"the lab does not have the resource type {urn_type(urn)}; docs/lab.md lists them",
            )
            raise AssertionError  # abort has raised
        return kind

    def _calling(self, call: Callable[[], Any], context: Any) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError, ImportRefused) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise AssertionError from error
