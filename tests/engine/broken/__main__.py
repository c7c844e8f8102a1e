"""A program that breaks every rule of the policy pack, beside what breaks none."""

import base64
import gzip
import json
from typing import Any

import pulumi
import pulumi_aws as aws
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TAGS = {"Project": "p", "Stack": "s", "Name": "n"}
PASSWORD = "hunter2hunter2"


def a_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def user_data(text: bytes) -> str:
    return base64.b64encode(gzip.compress(text)).decode()


vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags=TAGS)
group = aws.ec2.SecurityGroup("untagged", vpc_id=vpc.id, tags={"Name": "n"})
for name, network in (("ssh-to-the-world", "0.0.0.0/0"), ("ssh-to-a-network", "198.51.100.0/24")):
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        ip_protocol="tcp",
        from_port=22,
        to_port=22,
        cidr_ipv4=network,
    )

image = aws.ec2.get_ami(
    owners=["136693071363"],
    filters=[{"name": "name", "values": ["debian-13-arm64-20251117-2299"]}],
)
pem = a_key(2048).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
hosts: dict[str, dict[str, Any]] = {
    "right": {},
    "imdsv1": {"metadata_options": {"http_tokens": "optional"}},
    "readable-root": {"root_block_device": {"encrypted": False}},
    "key-in-user-data": {"user_data_base64": user_data(pem)},
    "password-in-user-data": {"user_data_base64": user_data(PASSWORD.encode())},
}
for name, changed in hosts.items():
    right: dict[str, Any] = {
        "ami": image.id,
        "instance_type": "t4g.micro",
        "metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 1},
        "root_block_device": {"encrypted": True},
        "tags": TAGS,
    }
    aws.ec2.Instance(name, **{**right, **changed})
aws.ebs.Volume("readable-volume", availability_zone="us-east-1a", size=8, tags=TAGS)

public = a_key(1024).public_key()
der = public.public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
zone = aws.route53.get_zone(name="relay.example").zone_id
for name, value in (
    ("s1._domainkey.relay.example", f"v=DKIM1; p={base64.b64encode(der).decode()}"),
    ("long.relay.example", "x" * 256),
    ("_dmarc.relay.example", "v=DMARC1; p=none"),
    ("_dmarc.strict.relay.example", "v=DMARC1; p=reject"),
):
    aws.route53.Record(name, name=name, type="TXT", zone_id=zone, ttl=300, records=[value])

bucket = aws.s3.Bucket("open-bucket", bucket="a-bucket", tags=TAGS)
aws.s3.BucketObjectv2(
    "tables",
    bucket=bucket.bucket,
    key="k",
    content=pulumi.Output.secret(json.dumps({"password": PASSWORD})),
)
aws.ec2.Eip("protected", domain="vpc", tags=TAGS, opts=pulumi.ResourceOptions(protect=True))
aws.ec2.Eip("unprotected", domain="vpc", tags=TAGS)
