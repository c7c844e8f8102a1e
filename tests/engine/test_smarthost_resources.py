"""A smarthost with the real engine: an account's password, and Amazon SES's resources."""

import json
from typing import Any

import yaml
from stacks import PROJECT, Region, Stack
from test_program import instances, records, state_files

from lab.provider.identity import smtp_password
from ops.leftovers.find import Stack as Account
from ops.leftovers.find import find, in_state
from settings import read

SETTINGS = {
    "host": "smtp.far.example",
    "spf": "include:_spf.far.example",
    "accounts": [{"user": "me"}],
}
PATH = "mail-relay:smarthost.accounts[0].password"


def config(smarthost: dict[str, Any]) -> dict[str, Any]:
    given = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    # which Amazon SES would not take
    del given["mail-relay:forwards"]
    return {**given, "mail-relay:smarthost": smarthost}


SES = config({"ses": True})


def tables(region: Region) -> dict[str, Any]:
    s3 = region.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    return json.load(s3.get_object(Bucket=bucket, Key="gateway.json")["Body"])


def set_password(stack: Stack, password: str) -> None:
    arguments = ("--secret", "--path", PATH, "--stack=test", "--", password)
    code, said = stack.pulumi("config", "set", *arguments)
    assert code == 0, said


def test_01_a_password_that_is_not_set_is_asked_for(stack: Stack) -> None:
    stack.write(config(SETTINGS))
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert f"{PATH}: missing; set it as a secret: pulumi config set --secret" in said
    assert "Traceback" not in said


def test_02_a_password_is_changed_without_touching_a_host(stack: Stack) -> None:
    set_password(stack, "the-first-one")
    stack.up()
    before = instances(stack)
    assert tables(stack.region)["smarthost"] == {
        "destination": "[smtp.far.example]:587",
        "accounts": [{"sender": None, "user": "me", "password": "the-first-one"}],
    }
    set_password(stack, "the-second-one")
    said = stack.up("--diff")
    assert instances(stack) == before
    assert tables(stack.region)["smarthost"]["accounts"][0]["password"] == "the-second-one"
    assert "the-second-one" not in said
    for state in state_files(stack):
        assert b"the-second-one" not in state


def test_03_ses_gets_identities_dkim_records_and_a_login(stack: Stack) -> None:
    stack.write(SES)
    code, said = stack.pulumi("preview", "--stack=test")
    assert code == 0, said
    stack.up()
    sesv2, iam = stack.region.client("sesv2"), stack.region.client("iam")
    for domain in ("relay.example", "shop.example"):
        dkim = sesv2.get_email_identity(EmailIdentity=domain)["DkimAttributes"]
        for token in dkim["Tokens"]:
            held = records(stack, domain)[(f"{token}._domainkey.{domain}.", "CNAME")]
            assert held == [f"{token}.dkim.amazonses.com"]
    (user,) = [user["UserName"] for user in iam.list_users()["Users"]]
    (key,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    (account,) = tables(stack.region)["smarthost"]["accounts"]
    assert account["user"] == key["AccessKeyId"]
    assert len(account["password"]) == len(smtp_password("a secret", "us-east-1")) == 44
    for state in state_files(stack):
        assert account["password"].encode() not in state
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    settings = read({k.removeprefix("mail-relay:"): v for k, v in SES.items() if "relay:" in k})
    found = list(find(Account("mail-relay", "test", settings, stack.region.client)))
    assert [item for item in found if item.id not in in_state(said)] == []
    # of all that the region itself counts, nothing is missed
    for what, start in (("user", "user "), ("SES identity", "SES"), ("record", "record set")):
        there = [
            thing for thing in stack.region.control.get("leftovers") if thing.startswith(start)
        ]
        assert len([item for item in found if item.what == what]) == len(there) > 0
    stack.up("--expect-no-changes")
    code, said = stack.pulumi("refresh", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    stack.up("--expect-no-changes")


def test_04_without_ses_nothing_of_it_is_left(stack: Stack) -> None:
    before = instances(stack)
    stack.write(yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"])
    stack.up()
    assert len(instances(stack) - before) == 1  # the gateway is made anew, its client stays
    left = stack.region.control.get("leftovers")
    assert [thing for thing in left if thing.startswith(("user", "SES identity"))] == []
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.control.get("leftovers") == []


def test_06_an_identity_that_ses_has_already_is_found_first_and_can_be_taken_over(
    stack: Stack,
) -> None:
    sesv2 = stack.region.client("sesv2")
    sesv2.create_email_identity(EmailIdentity="shop.example")
    stack.write(SES)
    code, said = stack.pulumi("up", "--yes", "--stack=test")
    assert code != 0
    assert "Traceback" not in said
    assert "shop.example is an identity of Amazon SES that this stack did not make" in said
    command = "aws:sesv2/emailIdentity:EmailIdentity shop.example shop.example"
    assert f"pulumi import --protect=false --generate-code=false {command}" in said
    assert instances(stack) == set()
    sesv2.delete_email_identity(EmailIdentity="shop.example")
