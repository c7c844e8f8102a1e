"""Least privilege and closed mouths, tried by breaking them."""

import json

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

HOSTS = [GATEWAY, CLIENT]
READ = """
import sys, boto3
bucket, _, key = sys.argv[1].removeprefix("s3://").partition("/")
print(len(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))
"""
CHANGE = """
import sys, boto3
r = boto3.client("route53")
zone = [z["Id"] for z in r.list_hosted_zones()["HostedZones"] if z["Name"] == "relay.example."][0]
record = {"Name": sys.argv[1], "Type": sys.argv[2], "TTL": 60,
          "ResourceRecords": [{"Value": sys.argv[3]}]}
r.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
    {"Action": sys.argv[4], "ResourceRecordSet": record}]})
print("changed")
"""


def bucket(world: World) -> str:
    with world.network():
        (name,) = [b["Name"] for b in world.client("s3").list_buckets()["Buckets"]]
    return f"s3://{name}"


def python(world: World, host: str, program: str, *arguments: str) -> str:
    region = ["env", "AWS_DEFAULT_REGION=us-east-1"]
    return world.run(host, *region, "python3", "-c", program, *arguments, check=False)


def secrets(world: World) -> list[str]:
    """Every password, and a line of every private key."""
    with world.network():
        s3, name = world.client("s3"), bucket(world).removeprefix("s3://")
        tables = json.load(s3.get_object(Bucket=name, Key="gateway.json")["Body"])
    found = [login["password"] for login in tables["logins"].values()]
    return found + [
        selector["privateKey"].splitlines()[3]
        for domain in tables["domains"].values()
        for selector in domain["selectors"]
    ]


def test_a_role_reads_its_own_tables_and_no_others(world: World) -> None:
    own = {GATEWAY: "gateway.json", CLIENT: f"clients/{CLIENT}.json"}
    for host in HOSTS:
        for other in HOSTS:
            said = python(world, host, READ, f"{bucket(world)}/{own[other]}")
            if host == other:
                assert int(said) > 100
            else:
                assert "(AccessDenied)" in said


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("mail.relay.example", "A", "192.0.2.66"),
        ("_acme-challenge.relay.example", "TXT", '"x"'),
        ("s1._domainkey.relay.example", "TXT", '"v=DKIM1; p="'),
    ],
)
def test_the_gateway_changes_no_record_but_its_challenge(
    world: World, name: str, kind: str, value: str
) -> None:
    assert "AccessDenied" in python(world, GATEWAY, CHANGE, name, kind, value, "UPSERT")


def test_the_gateway_does_change_its_challenge(world: World) -> None:
    own = "_acme-challenge.mail.relay.example"
    for action in ("UPSERT", "DELETE"):
        assert "changed" in python(world, GATEWAY, CHANGE, own, "TXT", '"x"', action)


@pytest.mark.parametrize("host", HOSTS)
def test_only_root_gets_an_answer_from_the_metadata_service(world: World, host: str) -> None:
    ask = [
        "curl",
        "-sS",
        "-m",
        "5",
        "-X",
        "PUT",
        "-H",
        "X-aws-ec2-metadata-token-ttl-seconds: 60",
        "http://169.254.169.254/latest/api/token",
    ]
    assert len(world.run(host, *ask)) > 40
    for user in ("nobody", "postfix", "admin"):
        if user not in world.run(host, "cut", "-d:", "-f1", "/etc/passwd").split():
            continue
        said = world.run(host, "setpriv", f"--reuid={user}", "--clear-groups", *ask, check=False)
        assert "curl: (7)" in said, (user, said)


@pytest.mark.parametrize("host", HOSTS)
def test_no_secret_is_in_user_data_journal_or_process_list(world: World, host: str) -> None:
    texts = {
        "journal": world.run(host, "journalctl", "--no-pager", "-o", "cat"),
        "processes": world.run(host, "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ"),
        "user data": world.run(host, "cloud-init", "query", "userdata"),
        "cloud-init": world.run(host, "sh", "-c", "cat /var/log/cloud-init*"),
    }
    for secret in secrets(world):
        assert [where for where, text in texts.items() if secret in text] == []


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_that_others_may_read_holds_a_secret(world: World, host: str) -> None:
    (world.root(host) / "root/secrets").write_text("\n".join(secrets(world)) + "\n")
    search = (
        "chmod 600 /root/secrets; find / -xdev -type f -perm -004 -size -2M "
        "-not -path '/proc/*' -not -path '/sys/*' -print0 | "
        "xargs -0 grep -lF -f /root/secrets 2>/dev/null; "
        "find /srv/mail /var/spool/postfix -type f -perm -004 -print0 2>/dev/null | "
        "xargs -0 -r grep -lF -f /root/secrets; rm /root/secrets"
    )
    assert world.run(host, "sh", "-c", search).split() == []


def test_the_password_file_is_the_mail_systems_alone(world: World) -> None:
    file = "/srv/mail/tables/current/passwords.smtp"
    assert world.run(GATEWAY, "stat", "-L", "-c", "%U:%G %a", file).strip() == "root:dovecot 640"
    assert LOGIN in world.run(GATEWAY, "cat", file)
    # who talks to strangers reads no passwords
    as_postfix = ["setpriv", "--reuid=postfix", "--regid=postfix", "--init-groups"]
    assert "denied" in world.run(GATEWAY, *as_postfix, "cat", file, check=False)


def test_ssh_is_closed_to_the_internet(world: World) -> None:
    import socket

    from lab.access import entered

    address = world.gateway.address
    with entered(f"{world.lab.namespace}-probe"), pytest.raises(TimeoutError):
        socket.create_connection((address, 22), timeout=3)
