"""Daily snapshots of the data volumes by Amazon Data Lifecycle Manager, and volumes made from one.

It looks for volumes by one tag, which nothing else of the stack has: with several tags it takes
volumes that have any of them. Its snapshots have the volume's tags and stay when the stack is
destroyed, as the last snapshot of each volume does, which the provider makes.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from components.account import Account
from components.naming import owner_tags, role_name
from components.tags import Tags
from settings import Settings

NAME = "backup"
TAG = "DailySnapshots"
# UTC; DLM begins within the hour that follows
TIME = "03:00"


class SnapshotUnusable(Exception):
    """A volume cannot be made from a snapshot; the text names the setting and says why."""


def volume_tag() -> dict[str, str]:
    """The tag of the data volumes of this stack that are backed up."""
    return {TAG: f"{pulumi.get_project()}/{pulumi.get_stack()}"}


class Backup(pulumi.ComponentResource):
    """The policy that makes a snapshot of each data volume a day, and the role that it works as.

    The newest `days` snapshots of each volume are kept.
    """

    def __init__(self, days: int, region: str, tags: Tags) -> None:
        super().__init__("mail-relay:index:Backup", NAME, None, None)
        account = aws.get_caller_identity().account_id
        role = aws.iam.Role(
            NAME,
            name=role_name(pulumi.get_project(), pulumi.get_stack(), NAME),
            assume_role_policy=json.dumps(_trust(region, account)),
            tags=tags.named(NAME),
            opts=pulumi.ResourceOptions(parent=self),
        )
        allowed = aws.iam.RolePolicy(
            NAME,
            role=role.name,
            policy=json.dumps({"Version": "2012-10-17", "Statement": _statements(account)}),
            opts=pulumi.ResourceOptions(parent=role),
        )
        whose = f"{pulumi.get_project()} {pulumi.get_stack()}"
        aws.dlm.LifecyclePolicy(
            NAME,
            # other characters are refused
            description=re.sub(r"[^0-9A-Za-z _-]", "-", f"Daily snapshots of {whose}"),
            execution_role_arn=role.arn,
            policy_details={
                "resource_types": ["VOLUME"],
                "target_tags": volume_tag(),
                "schedules": [
                    {
                        "name": "daily",
                        "create_rule": {"interval": 24, "interval_unit": "HOURS", "times": TIME},
                        "retain_rule": {"count": days},
                        "copy_tags": True,
                    }
                ],
            },
            tags=tags.named(NAME),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )
        self.register_outputs({})


def _trust(region: str, account: str) -> dict[str, Any]:
    """Only DLM, for policies of this account and region, may take the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "dlm.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:dlm:{region}:{account}:policy/*"},
                },
            }
        ],
    }


def _statements(account: str) -> list[dict[str, Any]]:
    """What AWSDataLifecycleManagerServiceRole allows for snapshots of volumes, of ours alone.

    A snapshot may be deleted only with the volumes' tag, which it has from its volume.
    """
    ours = {"StringEquals": {f"aws:ResourceTag/{TAG}": volume_tag()[TAG]}}
    snapshots = "arn:aws:ec2:*::snapshot/*"
    looks = ("DescribeVolumes", "DescribeSnapshots", "DescribeInstances")
    return [
        {"Effect": "Allow", "Action": [f"ec2:{look}" for look in looks], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "ec2:CreateSnapshot",
            "Resource": f"arn:aws:ec2:*:{account}:volume/*",
            "Condition": ours,
        },
        {
            "Effect": "Allow",
            "Action": ["ec2:CreateSnapshot", "ec2:CreateTags"],
            "Resource": snapshots,
        },
        {
            "Effect": "Allow",
            "Action": "ec2:DeleteSnapshot",
            "Resource": snapshots,
            "Condition": ours,
        },
    ]


@dataclass(frozen=True)
class Start:
    """The snapshot that a gateway's data volume starts from; `key` is its place, `host` its name.

    A standing volume stays as it is, whatever the settings say.
    """

    key: str
    host: str
    snapshot: str
    account: Account

    def hooks(self) -> pulumi.ResourceHookBinding:
        """A check before the volume is made, in a preview too: snapshots come to an end."""
        hook = pulumi.ResourceHook(
            f"{self.key}-snapshot", self._check, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        return pulumi.ResourceHookBinding(before_create=[hook])

    def tell(self, made_from: str | None) -> None:
        """Warn if the volume stands and was made from something else."""
        if made_from != self.snapshot:
            pulumi.warn(
                f"mail-relay:{self.key}.dataVolume.snapshot: {self.snapshot!r}: the data volume "
                f"stands, made from {made_from or 'no snapshot'}, and stays as it is. "
                "docs/tasks/restore.md says how another one takes its place"
            )

    async def _check(self, args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        if inputs.get("snapshotId") == self.snapshot:
            where = f"mail-relay:{self.key}.dataVolume.snapshot: {self.snapshot!r}"
            problem, whose = await asyncio.to_thread(self._look, int(inputs["size"]))
            if problem:
                raise SnapshotUnusable(f"{where}: {problem}")
            if whose:
                pulumi.warn(f"{where}: {whose}")

    def _look(self, size: int) -> tuple[str, str]:
        """The reason that it cannot be used, and whose it is if it is another gateway's."""
        ec2 = self.account.client("ec2")
        try:
            found = ec2.describe_snapshots(SnapshotIds=[self.snapshot], OwnerIds=["self"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidSnapshot.NotFound":
                return f"AWS could not be asked for it: {error}", ""
            found = {"Snapshots": []}
        except BotoCoreError as error:
            return f"AWS could not be asked for it: {error}", ""
        if not found["Snapshots"]:
            return (
                f"this account has no such snapshot in {self.account.region}; "
                "./relay backups lists those that there are",
                "",
            )
        (snapshot,) = found["Snapshots"]
        if snapshot["State"] != "completed":
            done = snapshot.get("Progress") or "not yet"
            return f"it is {snapshot['State']} ({done}); wait until it is completed", ""
        if snapshot["VolumeSize"] > size:
            return (
                f"it is of {snapshot['VolumeSize']} GiB, and the volume would have {size}; set "
                f"{self.key}.dataVolumeGiB: {snapshot['VolumeSize']}, or more",
                "",
            )
        return "", self._owner({tag["Key"]: tag["Value"] for tag in snapshot.get("Tags", [])})

    def _owner(self, tags: Mapping[str, str]) -> str:
        """Whose it is by its tags; "" for this gateway's, or one that says nothing."""
        owner = owner_tags(pulumi.get_project(), pulumi.get_stack())
        ours = {**owner, "Name": f"{self.host} data"}
        others = {key: tags[key] for key in ours if tags.get(key, ours[key]) != ours[key]}
        if not others:
            return ""
        said = ", ".join(f"{key} {value}" for key, value in others.items())
        return (
            f"it is of another gateway or stack ({said}): its mail, mailboxes and certificates "
            "come with it, and what waited there is sent from here unless dataVolume.hold is true"
        )


def starts(settings: Settings, account: Account) -> dict[str, Start]:
    """The snapshots that data volumes start from, by the gateway's name."""
    return {
        gateway.name: Start(key, gateway.name, snapshot, account)
        for key, gateway in settings.placed_gateways.items()
        if (snapshot := gateway.data_volume.snapshot)
    }
