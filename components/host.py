"""A host: it is replaced whenever its set-up changes; its identity stays (identity.py)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pulumi
import pulumi_aws as aws

from cloudinit import parts, setup_object, user_data
from cloudinit.hosts import AnyHost
from components.account import Account
from components.identity import Identity
from components.logs import ShippedLogs
from components.monitoring import Monitoring
from components.naming import role_name
from components.private import PrivateIdentity
from components.rebuild import Rebuild
from components.tables import Tables, TablesObject
from components.tags import Tags
from components.waits import Waiting
from mail.records import challenge
from settings import Settings

# EC2 requires a device name; the host finds its volume by the volume's id (mount-volume).
DEVICE = "/dev/sdf"


@dataclass(frozen=True)
class Shared:
    """The values that all hosts of a stack share.

    `images` are image ids by image name, `store` is the bucket of files and tables. `guard` is the
    hook that runs before an instance is created or updated.
    """

    settings: Settings
    region: str
    images: Mapping[str, str]
    store: Tables
    account: Account
    guard: pulumi.ResourceHook
    tags: Tags

    @cached_property
    def monitoring(self) -> Monitoring | None:
        """The topic of the alarms, if the stack has any."""
        return Monitoring(self.tags, self.settings) if self.settings.monitoring.enabled else None

    @property
    def metrics(self) -> str | None:
        """The command line of the hosts' agent/metrics.py, if they send measurements."""
        return self.monitoring.arguments if self.monitoring else None

    @cached_property
    def logs(self) -> ShippedLogs | None:
        """Where the mail logs are sent, if the stack sends them."""
        ships = self.settings.logs.ship == "cloudwatch"
        return ShippedLogs(self.settings, self.tags) if ships else None

    @property
    def ship(self) -> str | None:
        """The command line of the hosts' agent/ship.py, if they send their mail log."""
        return self.logs.name if self.logs else None

    @cached_property
    def waiting(self) -> Waiting | None:
        """The wait until hosts serve, if the stack waits."""
        minutes = self.settings.wait.minutes
        return Waiting(minutes, self.account) if minutes else None


class Host(pulumi.ComponentResource):
    """Role, set-up object, instance on its standing interface, the data volume attached.

    `tables` is the object with the tables that the host reads, `statements` are further IAM
    statements of its role. The instance is created or replaced after the resources `after`, and
    `rebuild` judges before whether it may be replaced. `served` is complete once the host serves,
    if the stack waits for that.
    """

    def __init__(
        self,
        fixed: AnyHost,
        shared: Shared,
        *,
        identity: Identity | PrivateIdentity,
        instance_type: str,
        tables: TablesObject,
        statements: list[dict[str, Any]],
        after: Sequence[pulumi.Resource] = (),
        rebuild: Rebuild | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        host, store = fixed.name, shared.store
        self.name, self.identity, self.status = host, identity, fixed.status
        super().__init__("mail-relay:index:Host", host, None, opts)
        self.tables = tables.etag
        files = setup_object(fixed)
        setup = store.put_setup(host, files)
        granted = [*_own(host, tables, shared), *statements]
        child = pulumi.ResourceOptions(parent=self)
        profile, policy = _profile(host, granted, shared.tags, child)
        url = store.url(store.setup_key(host, files.sha256))
        volume = identity.volume
        known = pulumi.Output.from_input(None) if volume is None else volume.id
        data = known.apply(
            lambda volume_id: user_data(
                parts(fixed, setup_url=url, setup_sha256=files.sha256, volume=volume_id)
            )
        )
        # before the first packet: its own address, its files and its tables
        needs = [*identity.ready, policy, setup, tables.resource, *after]
        needs += [shared.logs.group] if shared.logs else []
        if rebuild is not None:
            made_of = (shared.images[shared.settings.image_of(instance_type)], instance_type, data)
            opts = pulumi.ResourceOptions(parent=self, depends_on=needs)
            needs = [*needs, rebuild.declare(host, made_of, opts)]
        self.instance = self._instance(
            host,
            shared,
            instance_type,
            interface=identity.interface,
            profile=profile,
            data=data,
            needs=needs,
        )
        attached = [] if volume is None else [self._attach(host, volume)]
        self.served: pulumi.Resource = self.instance
        if shared.waiting is not None:
            self.served = shared.waiting.until_serving(
                host,
                self.instance,
                status=store.url(store.status_key(host)),
                tables=store.url(tables.key),
                opts=pulumi.ResourceOptions(parent=self, depends_on=attached),
            )
        if shared.monitoring:
            shared.monitoring.watch(fixed, after=self.served)
        self.register_outputs({"instance_id": self.instance.id})

    def _instance(
        self,
        host: str,
        shared: Shared,
        instance_type: str,
        *,
        interface: aws.ec2.NetworkInterface,
        profile: aws.iam.InstanceProfile,
        data: pulumi.Output[str],
        needs: list[pulumi.Resource],
    ) -> aws.ec2.Instance:
        return aws.ec2.Instance(
            host,
            ami=shared.images[shared.settings.image_of(instance_type)],
            instance_type=instance_type,
            primary_network_interface={"network_interface_id": interface.id},
            iam_instance_profile=profile.name,
            user_data_base64=data,
            # the set-up runs once in an instance's life, so other user data needs another instance
            user_data_replace_on_change=True,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            # burstable types default to unlimited, which costs more
            credit_specification={"cpu_credits": "standard"},
            root_block_device={"volume_type": "gp3", "encrypted": True},
            tags=shared.tags.named(host),
            opts=pulumi.ResourceOptions(
                parent=self,
                # interface and volume can be attached to one instance at a time
                delete_before_replace=True,
                depends_on=needs,
                # The interface has this setting. The provider reports its own default as a change:
                # https://github.com/hashicorp/terraform-provider-aws/issues/44768
                ignore_changes=["source_dest_check"],
                hooks=pulumi.ResourceHookBinding(
                    before_create=[shared.guard], before_update=[shared.guard]
                ),
            ),
        )

    def _attach(self, host: str, volume: aws.ebs.Volume) -> pulumi.Resource:
        return aws.ec2.VolumeAttachment(
            host,
            instance_id=self.instance.id,
            volume_id=volume.id,
            device_name=DEVICE,
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )


def _profile(
    host: str,
    statements: list[dict[str, Any]],
    tags: Tags,
    opts: pulumi.ResourceOptions,
) -> tuple[aws.iam.InstanceProfile, aws.iam.RolePolicy]:
    """An instance profile whose role has exactly these statements, and the role's policy."""
    role = aws.iam.Role(
        host,
        name=role_name(pulumi.get_project(), pulumi.get_stack(), host),
        assume_role_policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
        tags=tags.named(host),
        opts=opts,
    )
    policy = aws.iam.RolePolicy(
        host,
        role=role.name,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": statements}),
        opts=pulumi.ResourceOptions(parent=role),
    )
    profile = aws.iam.InstanceProfile(
        host, role=role.name, tags=tags.named(host), opts=pulumi.ResourceOptions(parent=role)
    )
    return profile, policy


def _own(host: str, tables: TablesObject, shared: Shared) -> list[dict[str, Any]]:
    """The IAM statements of every host: its own objects, its measurements and its log."""
    store = shared.store
    return [
        reads(store.arn(tables.key)),
        reads(store.arn(store.setup_key(host, "*"))),
        _object("s3:PutObject", store.arn(store.status_key(host))),
        *([shared.monitoring.statement] if shared.monitoring else []),
        *([shared.logs.statement(host)] if shared.logs else []),
    ]


def reads(arn: str) -> dict[str, Any]:
    """An IAM statement that allows to read an object."""
    return _object("s3:GetObject", arn)


def _object(action: str, arn: str) -> dict[str, Any]:
    """An IAM statement that allows an action on one object, or on all under a prefix."""
    return {"Effect": "Allow", "Action": action, "Resource": arn}


def certificate_statements(zones: Mapping[str, pulumi.Input[str]]) -> list[dict[str, Any]]:
    """IAM statements that allow changing the ACME challenges' records only (RFC 8555, 8.4).

    Listing is allowed for all records of the zones, which anybody can ask for in DNS.
    `zones` are the zones' ids by the names that the certificate is for.
    """
    prefix = "route53:ChangeResourceRecordSets"
    tests = {
        f"{prefix}NormalizedRecordNames": [challenge(name) for name in zones],
        f"{prefix}RecordTypes": ["TXT"],
        f"{prefix}Actions": ["UPSERT", "DELETE"],
    }
    where = _one_or_all(
        pulumi.Output.format("arn:aws:route53:::hostedzone/{0}", zone)
        for zone in dict.fromkeys(zones.values())
    )
    return [
        {"Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "route53:GetChange",
            "Resource": "arn:aws:route53:::change/*",
        },
        {
            "Effect": "Allow",
            "Action": "route53:ListResourceRecordSets",
            "Resource": where,
        },
        {
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": where,
            "Condition": {
                "ForAllValues:StringEquals": tests,
                # ForAllValues is also true if the key is absent from the request
                "Null": dict.fromkeys(tests, "false"),
            },
        },
    ]


def _one_or_all(values: Iterable[pulumi.Output[str]]) -> Any:
    """One value as it is, several as a list: IAM returns a list of one as the value."""
    found = list(values)
    return found[0] if len(found) == 1 else found
