"""A host: thrown away and made anew whenever what is fixed for it changes."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from components.identity import Identity
from components.naming import Tags, role_name
from components.private import PrivateIdentity

DEVICE = "/dev/sdf"


class Host(pulumi.ComponentResource):
    """Role, instance on its standing interface, and the data volume attached."""

    def __init__(
        self,
        host: str,
        *,
        identity: Identity | PrivateIdentity,
        image: str,
        instance_type: str,
        user_data: str,
        statements: list[dict[str, Any]],
        tables: pulumi.Resource,
        guard: pulumi.ResourceHook,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Host", host, None, opts)
        child = pulumi.ResourceOptions(parent=self)
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
            opts=child,
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
        self.instance = aws.ec2.Instance(
            host,
            ami=image,
            instance_type=instance_type,
            primary_network_interface={"network_interface_id": identity.interface.id},
            iam_instance_profile=profile.name,
            user_data_base64=user_data,
            # cloud-init runs its scripts at the first boot only
            user_data_replace_on_change=True,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            # burstable types default to unlimited, which costs more
            credit_specification={"cpu_credits": "standard"},
            root_block_device={"volume_type": "gp3", "encrypted": True},
            tags=tags.named(host),
            opts=pulumi.ResourceOptions(
                parent=self,
                # interface and volume are with one instance at a time
                delete_before_replace=True,
                # its first packet leaves from its own address, its tables are there
                depends_on=[*identity.ready, policy, tables],
                # It is the interface's. The provider takes its default, true, for a change of ours:
                # https://github.com/hashicorp/terraform-provider-aws/issues/44768
                ignore_changes=["source_dest_check"],
                hooks=pulumi.ResourceHookBinding(before_create=[guard], before_update=[guard]),
            ),
        )
        if identity.volume is not None:
            aws.ec2.VolumeAttachment(
                host,
                instance_id=self.instance.id,
                volume_id=identity.volume.id,
                device_name=DEVICE,
                stop_instance_before_detaching=True,
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({"instance_id": self.instance.id})


def read_object(arn: str) -> dict[str, Any]:
    """Leave to read one object, its own."""
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": arn}


def certificate_statements(host: str, zone_id: pulumi.Input[str]) -> list[dict[str, Any]]:
    """Leave to answer the ACME challenge of one name (RFC 8555, 8.4) and to change nothing else."""
    prefix = "route53:ChangeResourceRecordSets"
    tests = {
        f"{prefix}NormalizedRecordNames": [f"_acme-challenge.{host}"],
        f"{prefix}RecordTypes": ["TXT"],
        f"{prefix}Actions": ["UPSERT", "DELETE"],
    }
    return [
        {"Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "route53:GetChange",
            "Resource": "arn:aws:route53:::change/*",
        },
        {
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": pulumi.Output.format("arn:aws:route53:::hostedzone/{0}", zone_id),
            "Condition": {
                "ForAllValues:StringEquals": tests,
                # ForAllValues is true of a key that is not there
                "Null": dict.fromkeys(tests, "false"),
            },
        },
    ]
