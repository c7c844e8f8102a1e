"""The resource graph under Pulumi's mocks: what would be made from the example stack."""

import json
from typing import Any

import pulumi
import pytest
import yaml
from recorder import Recorder, declare, user_data

from ops import outputs

CONFIG = {
    key: value if isinstance(value, str) else json.dumps(value)
    for key, value in yaml.safe_load(open("Pulumi.dev.yaml"))["config"].items()  # noqa: SIM115, PTH123
}


@pytest.fixture(scope="module")
def graph() -> Recorder:
    return declare(CONFIG)


def test_every_host_has_an_identity_that_outlives_it(graph: Recorder) -> None:
    names = {"mail.relay.example", "app.shop.example"}
    for kind in ("NetworkInterface", "Eip", "EipDomainName", "Instance", "Role"):
        assert {r.name for r in graph.of(kind)} == names
    assert [r.name for r in graph.of("Volume")] == ["mail.relay.example"]
    for instance in graph.of("Instance"):
        interface = instance.inputs["primaryNetworkInterface"]["networkInterfaceId"]
        assert interface == f"{instance.name}-id"
        assert "associatePublicIpAddress" not in instance.inputs


def test_hosts_are_closed_by_default(graph: Recorder) -> None:
    for instance in graph.of("Instance"):
        options = instance.inputs["metadataOptions"]
        assert options["httpTokens"] == "required"
        assert options["httpPutResponseHopLimit"] == 1
        assert instance.inputs["rootBlockDevice"]["encrypted"] is True
        assert instance.inputs["creditSpecification"] == {"cpuCredits": "standard"}
        assert instance.inputs["userDataReplaceOnChange"] is True
    assert graph.one("Volume", "mail.relay.example").inputs["encrypted"] is True
    opened = {
        (r.inputs["securityGroupId"], int(r.inputs["fromPort"]))
        for r in graph.of("SecurityGroupIngressRule")
    }
    assert opened == {("network-gateway-id", port) for port in (25, 465, 587)}
    client_out = {
        int(r.inputs["fromPort"])
        for r in graph.of("SecurityGroupEgressRule")
        if r.inputs["securityGroupId"] == "network-client-id"
    }
    assert 25 not in client_out


def test_each_domain_has_the_records_that_receivers_check(graph: Recorder) -> None:
    records = {(r.inputs["name"], r.inputs["type"]): r.inputs for r in graph.of("Record")}
    for domain in ("relay.example", "shop.example"):
        spf = records[(domain, "TXT")]["records"]
        assert spf == ["v=spf1 include:_spf.relay.example ~all"]
        dkim = records[(f"s1._domainkey.{domain}", "TXT")]["records"][0]
        assert dkim.startswith("v=DKIM1; k=rsa; p=")
        assert '""' in dkim  # cut into strings
        dmarc = records[(f"_dmarc.{domain}", "TXT")]["records"]
        assert dmarc == ["v=DMARC1; p=none; rua=mailto:ops@inbox.example"]
        assert records[(domain, "MX")]["records"] == ["10 mail.relay.example."]
    assert records[("_spf.relay.example", "TXT")]["records"] == ["v=spf1 ip4:203.0.113.9 -all"]
    assert records[("mail.relay.example", "A")]["records"] == ["203.0.113.9"]
    assert records[("mail.relay.example", "TXT")]["records"] == ["v=spf1 a -all"]


def test_a_domain_that_takes_no_mail_has_no_mx() -> None:
    graph = declare({**CONFIG, "mail-relay:forwards": "[]"})
    assert [r.name for r in graph.of("Record") if r.inputs["type"] == "MX"] == []


def test_the_records_output_has_every_record_set_and_no_more(graph: Recorder) -> None:
    told = {(r.name, r.kind): r for r in outputs.read(graph.outputs).records}
    made = {(r.inputs["name"], r.inputs["type"]): r.inputs for r in graph.of("Record")}
    assert set(told) == set(made)
    for key, inputs in made.items():
        assert list(told[key].values) == [v.replace('""', "") for v in inputs["records"]]
        assert told[key].ttl == inputs["ttl"]
    assert outputs.read(graph.outputs).domains == (
        outputs.Domain(name="relay.example", selectors=("s1",)),
        outputs.Domain(name="shop.example", selectors=("s1",)),
    )


def test_a_role_reads_its_own_tables_and_answers_its_own_challenge(graph: Recorder) -> None:
    allowed = {
        role.name: [
            (s["Action"], s["Resource"]) for s in json.loads(role.inputs["policy"])["Statement"]
        ]
        for role in graph.of("RolePolicy")
    }
    bucket = "arn:aws:s3:::mail-relay-test-123456789012"
    assert allowed["app.shop.example"] == [
        ("s3:GetObject", f"{bucket}/clients/app.shop.example.json"),
        ("s3:GetObject", f"{bucket}/setup/app.shop.example/*.json"),
        ("s3:PutObject", f"{bucket}/status/app.shop.example.json"),
    ]
    assert ("s3:GetObject", f"{bucket}/gateway.json") in allowed["mail.relay.example"]
    statements = json.loads(graph.one("RolePolicy", "mail.relay.example").inputs["policy"])
    (change,) = [
        s for s in statements["Statement"] if s["Action"] == "route53:ChangeResourceRecordSets"
    ]
    names = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    assert change["Condition"]["ForAllValues:StringEquals"][names] == [
        "_acme-challenge.mail.relay.example"
    ]
    records = "route53:ChangeResourceRecordSets"
    assert change["Condition"]["ForAllValues:StringEquals"][f"{records}RecordTypes"] == ["TXT"]
    # which is true of a key that is not there
    assert change["Condition"]["Null"] == dict.fromkeys(
        (f"{records}{what}" for what in ("NormalizedRecordNames", "RecordTypes", "Actions")),
        "false",
    )


def tables(graph: Recorder) -> dict[str, Any]:
    """The objects by key; their content comes as a secret, or this fails."""
    return {
        r.inputs["key"]: json.loads(r.inputs["content"]["value"])
        for r in graph.of("BucketObjectv2")
        if not r.inputs["key"].startswith("setup/")
    }


def test_no_secret_is_in_user_data_or_set_up(graph: Recorder) -> None:
    objects = tables(graph)
    secrets = [login["password"] for login in objects["gateway.json"]["logins"].values()]
    secrets += [
        selector["privateKey"].splitlines()[1]
        for domain in objects["gateway.json"]["domains"].values()
        for selector in domain["selectors"]
    ]
    assert len(secrets) == 4
    for instance in graph.of("Instance"):
        text = user_data(instance)
        assert "s3://mail-relay-test-123456789012/" in text
        laid = graph.one("BucketObjectv2", f"setup-{instance.name}").inputs["content"]
        assert not [s for s in secrets if s in text + laid]


def test_a_client_gets_no_more_than_its_own_login(graph: Recorder) -> None:
    objects = tables(graph)
    client = objects["clients/app.shop.example.json"]
    assert set(client) == {"version", "host", "gateway", "login", "password", "ownSender"}
    gateway = objects["gateway.json"]["logins"]
    assert gateway["relay@app.shop.example"] == {
        "password": client["password"],
        "sendAs": ["@shop.example"],
    }


def test_every_tagged_resource_says_whose_it_is(graph: Recorder) -> None:
    tagged = [r for r in graph.resources if "tags" in r.inputs]
    assert len(tagged) > 15
    for resource in tagged:
        assert resource.inputs["tags"]["Project"] == "mail-relay"
        assert resource.inputs["tags"]["Stack"] == "test"


def test_the_bucket_is_private(graph: Recorder) -> None:
    (closed,) = graph.of("BucketPublicAccessBlock")
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(closed.inputs[flag] is True for flag in flags)
    (policy,) = graph.of("BucketPolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_old_versions_of_every_object_expire(graph: Recorder) -> None:
    rules = graph.one("BucketLifecycleConfiguration", "tables").inputs["rules"]
    days = {
        rule["filter"]["prefix"]: rule["noncurrentVersionExpiration"]["noncurrentDays"]
        for rule in rules
        if rule["status"] == "Enabled"
    }
    # a status is written 1,440 times a day
    assert days == {"": 7, "status/": 1}


def test_a_mailbox_makes_its_domain_receive_and_opens_imap() -> None:
    login = [{"address": "me@shop.example"}]
    changed = {"mail-relay:mailboxes": json.dumps(login), "mail-relay:forwards": "[]"}
    graph = declare({**CONFIG, **changed})
    opened = {int(r.inputs["fromPort"]) for r in graph.of("SecurityGroupIngressRule")}
    assert opened == {25, 465, 587, 993}
    records = {(r.inputs["name"], r.inputs["type"]): r.inputs for r in graph.of("Record")}
    assert records[("shop.example", "MX")]["records"] == ["10 mail.relay.example."]
    assert tables(graph)["gateway.json"]["mailboxes"] == {
        "me@shop.example": {"quotaMiB": 1024, "aliases": []}
    }


def test_only_the_first_mailbox_makes_another_host() -> None:
    logins = [{"address": f"{name}@shop.example"} for name in ("me", "you")]
    base = {**CONFIG, "mail-relay:logins": json.dumps(logins), "mail-relay:forwards": "[]"}
    lists = [json.dumps(logins[:number]) for number in range(3)]
    hosts = [declare({**base, "mail-relay:mailboxes": mailboxes}) for mailboxes in lists]
    none, first, second = (user_data(h.one("Instance", "mail.relay.example")) for h in hosts)
    assert none != first == second


def test_the_preference_of_the_own_mx_is_settable() -> None:
    own = {"host": "mail.relay.example", "preference": 20}
    domain = {"name": "shop.example", "ttl": 60, "mx": [own]}
    forward = [{"address": "me@shop.example", "to": ["me@far.example"]}]
    changed = {"mail-relay:domains": [domain], "mail-relay:forwards": forward}
    graph = declare({**CONFIG, **{key: json.dumps(value) for key, value in changed.items()}})
    mx = graph.one("Record", "shop.example-MX").inputs
    assert (mx["records"], mx["ttl"]) == (["20 mail.relay.example."], 60)


def test_a_retired_selector_is_revoked_and_its_key_given_to_nobody() -> None:
    domain = {"name": "shop.example", "selectors": ["s2"], "retired": ["s1"]}
    graph = declare({**CONFIG, "mail-relay:domains": json.dumps([domain])})
    records = {r.inputs["name"]: r.inputs["records"] for r in graph.of("Record")}
    assert records["s1._domainkey.shop.example"] == ["v=DKIM1; k=rsa; p="]
    (selector,) = tables(graph)["gateway.json"]["domains"]["shop.example"]["selectors"]
    assert selector["name"] == "s2"
    assert "s1.shop.example-key" in [r.name for r in graph.of("Stash")]


def test_a_delegated_zone_is_made_and_its_parent_leads_there() -> None:
    names = {
        "gateway": {"name": "mail.try.relay.example"},
        "clients": [],
        "logins": [],
        "forwards": [],
    }
    names["domains"] = [{"name": "shop.try.relay.example"}]
    names["delegation"] = {"zone": "try.relay.example", "parent": "relay.example"}
    graph = declare({**CONFIG, **{f"mail-relay:{k}": json.dumps(v) for k, v in names.items()}})
    zone = graph.one("Zone", "try.relay.example").inputs
    assert (zone["name"], zone["forceDestroy"]) == ("try.relay.example", True)
    lead = graph.one("Record", "try.relay.example-NS").inputs
    assert (lead["zoneId"], lead["records"]) == ("Z-relay.example", ["a.ns.", "b.ns."])
    others = [r.inputs["zoneId"] for r in graph.of("Record") if r.inputs["type"] != "NS"]
    assert set(others) == {"Z-try.relay.example"}
    # whoever checks the reverse name's A record must be able to find it
    pointer = graph.one("EipDomainName", "mail.try.relay.example").options
    assert ("Record", "try.relay.example-NS") in pointer.dependencies
    policy = json.loads(graph.one("RolePolicy", "mail.try.relay.example").inputs["policy"])
    assert "arn:aws:route53:::hostedzone/Z-try.relay.example" in [
        s["Resource"] for s in policy["Statement"]
    ]


def test_a_key_that_is_none_is_refused_before_anything_is_made() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        declare({**CONFIG, "mail-relay:gatewy": "{}", "mail-relay:colour": "blue"})
    text = str(caught.value)
    assert "mail-relay:gatewy: there is no such key; did you mean gateway?" in text
    assert "mail-relay:colour: there is no such key; the keys are " in text


def test_keys_of_others_are_theirs() -> None:
    assert declare({**CONFIG, "other:colour": "blue"}).resources
