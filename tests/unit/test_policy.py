"""The policy pack's rules, as tables: what is broken, and the words for it."""

import base64
import gzip
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mail import dkim, txt
from policy.rules import RULES, STACK_RULES
from policy.rules.hosts import OBJECT
from policy.rules.rule import UNKNOWN, Resource

INSTANCE = "aws:ec2/instance:Instance"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RECORD = "aws:route53/record:Record"
BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
EIP = "aws:ec2/eip:Eip"
STASH = "pulumi:index:Stash"
PEM = dkim.generate()
TAGS = {"Project": "p", "Stack": "s", "Name": "n"}


def resource(kind: str, props: dict[str, Any], **more: Any) -> Resource:
    stack, name = more.pop("stack", "dev"), more.pop("name", "r")
    return Resource(kind, name, f"urn:pulumi:{stack}::p::{kind}::{name}", props, **more)


def user_data(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def key_record(bits: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return txt.route53_value(dkim.record(pem.decode()))


def record(name: str, *values: Any) -> dict[str, Any]:
    return {"name": name, "type": "TXT", "records": list(values)}


SMALL_KEY = key_record(1024)
IMDS = {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}}


@pytest.mark.parametrize(
    ("rule", "kind", "props", "said"),
    [
        ("imdsv2", INSTANCE, IMDS, []),
        ("imdsv2", INSTANCE, {"metadataOptions": UNKNOWN}, []),
        ("imdsv2", INSTANCE, {}, ["its metadata service answers without a token (IMDSv1)"]),
        (
            "imdsv2",
            INSTANCE,
            {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2.0}},
            ["its metadata service answers over 2 hops"],
        ),
        ("encrypted-disks", "aws:ebs/volume:Volume", {"encrypted": True}, []),
        ("encrypted-disks", "aws:ebs/volume:Volume", {"encrypted": UNKNOWN}, []),
        ("encrypted-disks", "aws:ebs/volume:Volume", {}, ["the volume is not encrypted"]),
        ("encrypted-disks", INSTANCE, {}, ["its root device is not encrypted"]),
        (
            "encrypted-disks",
            INSTANCE,
            {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": False}]},
            ["a disk of it is not encrypted"],
        ),
        (
            "ssh-from-named-networks",
            INGRESS,
            {"ipProtocol": "tcp", "fromPort": 20.0, "toPort": 30.0, "cidrIpv4": "0.0.0.0/0"},
            ["SSH is open to 0.0.0.0/0"],
        ),
        (
            "ssh-from-named-networks",
            INGRESS,
            {"ipProtocol": "-1", "cidrIpv6": "::/0"},
            ["SSH is open to ::/0"],
        ),
        (
            "ssh-from-named-networks",
            INGRESS,
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "198.51.100.0/24"},
            [],
        ),
        (
            "ssh-from-named-networks",
            INGRESS,
            {"ipProtocol": "tcp", "fromPort": 25, "toPort": 25, "cidrIpv4": "0.0.0.0/0"},
            [],
        ),
        (
            "ssh-from-named-networks",
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            {
                "type": "ingress",
                "protocol": "tcp",
                "fromPort": 22,
                "toPort": 22,
                "cidrBlocks": ["0.0.0.0/1", "10.0.0.0/8"],
            },
            ["SSH is open to 0.0.0.0/1"],
        ),
        (
            "ssh-from-named-networks",
            GROUP,
            {"ingress": [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]},
            ["SSH is open to 0.0.0.0/0"],
        ),
        (
            "no-secret-in-user-data",
            INSTANCE,
            {"userDataBase64": user_data(f"x {PEM}")},
            ["its user data holds a private key"],
        ),
        (
            "no-secret-in-user-data",
            INSTANCE,
            {"userDataBase64": user_data(json.dumps({"content": PEM}))},
            ["its user data holds a private key"],
        ),
        (
            "no-secret-in-user-data",
            INSTANCE,
            {"userData": "key AKIAABCDEFGHIJKLMNOP"},
            ["its user data holds an AWS access key"],
        ),
        # a program may know what a key looks like
        ("no-secret-in-user-data", INSTANCE, {"userData": "-----BEGIN PRIVATE KEY-----"}, []),
        (
            "no-secret-in-user-data",
            OBJECT,
            {"key": "setup/h/1.json", "content": f"x {PEM}"},
            ["its content holds a private key"],
        ),
        ("no-secret-in-user-data", OBJECT, {"key": "gateway.json", "content": f"x {PEM}"}, []),
        ("tagged", EIP, {"tags": TAGS}, []),
        ("tagged", EIP, {"tags": UNKNOWN}, []),
        ("tagged", EIP, {"tags": {"Name": "n"}}, ["it has no tag Project, Stack"]),
        ("tagged", RECORD, {}, []),
        (
            "dkim-key-size",
            RECORD,
            record("s1._domainkey.example.com", SMALL_KEY),
            ["its RSA key has 1024 bits"],
        ),
        (
            "dkim-key-size",
            RECORD,
            record("s1._domainkey.example.com", txt.route53_value(dkim.record(PEM))),
            [],
        ),
        ("dkim-key-size", RECORD, record("s1._domainkey.example.com", UNKNOWN), []),
        # a selector that is revoked (RFC 6376, 3.6.1)
        ("dkim-key-size", RECORD, record("s1._domainkey.example.com", "v=DKIM1; p="), []),
        (
            "dkim-key-size",
            RECORD,
            record("s1._domainkey.example.com", "v=DKIM1; p=abc"),
            ["it is no DKIM key record: no public key in p="],
        ),
        (
            "txt-length",
            RECORD,
            record("example.com", "x" * 256),
            ["a string of it has 256 octets, DNS takes 255"],
        ),
        ("txt-length", RECORD, record("example.com", f'{"x" * 255}""y'), []),
        (
            "txt-length",
            RECORD,
            record("example.com", *["x" * 250] * 17),
            ["it has 4,250 octets, Route53 takes 4,000"],
        ),
    ],
)
def test_a_rule_sees_what_breaks_it(
    rule: str, kind: str, props: dict[str, Any], said: list[str]
) -> None:
    (found,) = [r for r in RULES if r.name == rule]
    assert list(found.check(resource(kind, props))) == said


CLOSED = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
A_BUCKET = resource(BUCKET, {"bucket": "b"}, name="b")
EVERYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}


def policy(**statement: Any) -> Resource:
    text = json.dumps({"Statement": [{**EVERYBODY, **statement}]})
    return resource(BUCKET_POLICY, {"bucket": "b", "policy": text}, name="policy")


@pytest.mark.parametrize(
    ("rule", "resources", "said"),
    [
        ("no-public-bucket", [A_BUCKET], ["b: it has no public access block"]),
        ("no-public-bucket", [A_BUCKET, resource(BLOCK, {**CLOSED, "bucket": "b"})], []),
        # in a first preview the bucket's name is not known, but where it comes from
        (
            "no-public-bucket",
            [
                resource(BUCKET, {}, name="b"),
                resource(BLOCK, {**CLOSED, "bucket": UNKNOWN}, needs=frozenset({A_BUCKET.urn})),
            ],
            [],
        ),
        (
            "no-public-bucket",
            [A_BUCKET, resource(BLOCK, {**CLOSED, "bucket": "b", "blockPublicAcls": False})],
            ["r: it leaves out blockPublicAcls"],
        ),
        ("no-public-bucket", [policy()], ["policy: it allows everybody"]),
        ("no-public-bucket", [policy(Effect="Deny")], []),
        ("no-public-bucket", [policy(Condition={"StringEquals": {"aws:a": "b"}})], []),
        ("no-public-bucket", [policy(Principal={"AWS": "arn:aws:iam::1:root"})], []),
        ("encrypted-buckets", [A_BUCKET], ["b: nothing says how it is encrypted"]),
        (
            "no-kept-secret-in-user-data",
            [
                resource(STASH, {"output": "hunter2hunter2"}, name="me-password"),
                resource(INSTANCE, {"userDataBase64": user_data("pass hunter2hunter2")}),
            ],
            ["r: its user data holds a secret of me-password"],
        ),
        (
            "no-kept-secret-in-user-data",
            [
                resource(STASH, {"output": UNKNOWN}, name="me-password"),
                resource(INSTANCE, {"userDataBase64": user_data("pass hunter2hunter2")}),
            ],
            [],
        ),
        (
            "no-kept-secret-in-user-data",
            [
                resource(STASH, {"output": "hunter2hunter2"}, name="me-password"),
                resource(OBJECT, {"key": "setup/h/1.json", "content": "pass hunter2hunter2"}),
            ],
            ["r: its content holds a secret of me-password"],
        ),
        (
            "no-kept-secret-in-user-data",
            [
                resource(STASH, {"output": "hunter2hunter2"}, name="me-password"),
                resource(OBJECT, {"key": "gateway.json", "content": "pass hunter2hunter2"}),
            ],
            [],
        ),
        ("protected-in-production", [resource(STASH, {"input": {"host": "h"}}, stack="prod")], []),
        (
            "protected-in-production",
            [resource(EIP, {}, stack="prod"), resource(STASH, {}, protect=True, stack="prod")],
            ["r: it is not protected"],
        ),
        ("protected-in-production", [resource(EIP, {}, stack="product-demo")], []),
        # what protects something is production, whatever its name
        (
            "protected-in-production",
            [resource(EIP, {}, name="a"), resource(EIP, {}, protect=True, name="b")],
            ["a: it is not protected"],
        ),
        (
            "dmarc-in-production",
            [resource(RECORD, record("_dmarc.example.com", "v=DMARC1; p=none"), stack="prod-eu")],
            ["r: its policy is none"],
        ),
        (
            "dmarc-in-production",
            [resource(RECORD, record("_dmarc.example.com", "v=DMARC1; p=reject"), stack="prod")],
            [],
        ),
        (
            "dmarc-in-production",
            [resource(RECORD, record("_dmarc.x.example", "v=DMARC1; p=none"))],
            [],
        ),
    ],
)
def test_a_rule_sees_the_stack_as_a_whole(
    rule: str, resources: list[Resource], said: list[str]
) -> None:
    (found,) = [r for r in STACK_RULES if r.name == rule]
    assert [f"{r.name}: {problem}" for r, problem in found.check(resources)] == said
