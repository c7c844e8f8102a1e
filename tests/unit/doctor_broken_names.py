"""Zones with something wrong in them, or about them."""

from doctor_account import held, zone, zones
from doctor_broken import Broken

BROKEN = [
    Broken(
        "a zone that is not there",
        "zone-missing",
        "create-hosted-zone --name shop.example",
        {"ListHostedZones": zones(zone("relay.example", "ZRELAY"))},
        text="shop.example",
    ),
    Broken(
        "a zone that is only private",
        "zone-missing",
        "create-hosted-zone",
        {
            "ListHostedZones": zones(
                zone("relay.example", "Z1"), zone("shop.example", "Z2", private=True)
            )
        },
        text="private zone",
    ),
    Broken(
        "two zones of one name",
        "zone-several",
        "{name: shop.example, id: ZSHOP}. Or delete",
        {
            "ListHostedZones": zones(
                zone("relay.example", "ZRELAY"),
                zone("shop.example", "ZOLD"),
                zone("shop.example", "ZSHOP"),
            ),
            "GetHostedZone": lambda given: {
                "DelegationSet": {
                    "NameServers": ["ns-9.awsdns.example"]
                    if given["Id"].endswith("ZOLD")
                    else ["ns-1.awsdns.example", "ns-2.awsdns.example"]
                }
            },
        },
        text="ZOLD (seen by nobody), ZSHOP (the one that the world sees)",
    ),
    Broken(
        "a zone's id that is not one of its name",
        "zone-id",
        "Put the id right",
        changes={"settings": {"zones": ["relay.example", {"name": "shop.example", "id": "ZX"}]}},
        text="it has ZSHOP",
    ),
    Broken(
        "a zone that no registrar leads to",
        "zone-not-delegated",
        "ns-1.awsdns.example, ns-2.awsdns.example",
        changes={"names": {"shop.example NS": []}},
    ),
    Broken(
        "a zone that is elsewhere in truth",
        "zone-delegation",
        "ns-1.awsdns.example",
        changes={"names": {"shop.example NS": ["ns.other.example."]}},
    ),
    Broken(
        "a record that somebody has",
        "name-in-use",
        "pulumi import --protect=false --generate-code=false "
        "aws:route53/record:Record _dmarc.shop.example-TXT ZSHOP__dmarc.shop.example_TXT",
        {
            "ListResourceRecordSets": lambda given: (
                held(("_dmarc.shop.example", "TXT", '"v=DMARC1; p=none"'))
                if given["HostedZoneId"] == "ZSHOP"
                else held()
            )
        },
        text="v=DMARC1; p=none",
    ),
    Broken(
        "a null MX that somebody has",
        "name-in-use",
        "pulumi import",
        {
            "ListResourceRecordSets": lambda given: (
                held(("shop.example", "MX", "0 .")) if given["HostedZoneId"] == "ZSHOP" else held()
            )
        },
        {"settings": {"forwards": [{"address": "info@shop.example", "to": ["you@inbox.example"]}]}},
        text="0 . (a null MX, which says that the domain takes no mail: RFC 7505)",
    ),
    Broken(
        "strings of others at a domain",
        "name-in-use",
        "List its other strings in the `txt` of the domain shop.example",
        {
            "ListResourceRecordSets": lambda given: (
                held(("shop.example", "TXT", '"google-site-verification=1"'))
                if given["HostedZoneId"] == "ZSHOP"
                else held()
            )
        },
    ),
    Broken(
        "an alias at a host's name",
        "name-in-use",
        "Choose another name",
        {
            "ListResourceRecordSets": {
                "IsTruncated": False,
                "ResourceRecordSets": [
                    {
                        "Name": "mail.relay.example.",
                        "Type": "A",
                        "AliasTarget": {
                            "DNSName": "d1.cloudfront.net.",
                            "HostedZoneId": "Z",
                            "EvaluateTargetHealth": False,
                        },
                    }
                ],
            }
        },
        changes={"settings": {"zones": ["relay.example", "shop.example"]}},
        text="an alias of d1.cloudfront.net",
    ),
    Broken(
        "a CNAME at a host's name",
        "name-alias",
        "Choose another name",
        {"ListResourceRecordSets": held(("mail.relay.example", "CNAME", "elsewhere.example."))},
        text="elsewhere.example",
    ),
    Broken(
        "a part of the zone that is delegated",
        "name-delegated",
        "Add app.shop.example to `zones`",
        {"ListResourceRecordSets": held(("app.shop.example", "NS", "ns.other.example."))},
        text="ns.other.example",
    ),
    Broken(
        "a CNAME for the challenge",
        "challenge-alias",
        "Delete the record _acme-challenge.mail.relay.example CNAME",
        {
            "ListResourceRecordSets": held(
                ("_acme-challenge.mail.relay.example", "CNAME", "x.acme.example.")
            )
        },
    ),
    Broken(
        "an IPv6 address at a host's name",
        "name-ipv6",
        "Delete the record app.shop.example AAAA",
        {"ListResourceRecordSets": held(("app.shop.example", "AAAA", "2001:db8::1"))},
    ),
    Broken(
        "a CNAME for the challenge of the submission name",
        "challenge-alias",
        "Delete the record _acme-challenge.smtp.relay.example CNAME",
        {
            "ListResourceRecordSets": held(
                ("_acme-challenge.smtp.relay.example", "CNAME", "x.acme.example.")
            )
        },
        changes={"settings": {"submission": {"name": "smtp.relay.example"}}},
    ),
    Broken(
        "an IPv6 address at the submission name",
        "name-ipv6",
        "Delete the record smtp.relay.example AAAA",
        {"ListResourceRecordSets": held(("smtp.relay.example", "AAAA", "2001:db8::1"))},
        changes={"settings": {"submission": {"name": "smtp.relay.example"}}},
    ),
    Broken(
        "CAA that forbids the submission name alone",
        "caa-forbids",
        '0 issue "letsencrypt.org"',
        {"ListResourceRecordSets": held(("smtp.relay.example", "CAA", '0 issue "amazon.com"'))},
        changes={"settings": {"submission": {"name": "smtp.relay.example"}}},
    ),
    Broken(
        "CAA for another authority",
        "caa-forbids",
        '0 issue "letsencrypt.org"',
        {"ListResourceRecordSets": held(("relay.example", "CAA", '0 issue "amazon.com"'))},
        text="amazon.com",
    ),
    Broken(
        "CAA for nobody",
        "caa-forbids",
        "letsencrypt.org",
        {"ListResourceRecordSets": held(("mail.relay.example", "CAA", '0 issue ";"'))},
        text="letsencrypt.org may not issue",
    ),
    Broken(
        "CAA for another way of validation",
        "caa-forbids",
        "letsencrypt.org",
        {
            "ListResourceRecordSets": held(
                ("relay.example", "CAA", '0 issue "letsencrypt.org; validationmethods=http-01"')
            )
        },
        text="dns-01",
    ),
    Broken(
        "a zone that the one above it does not delegate, which the resolver remembers otherwise",
        "zone-not-delegated",
        "eu.relay.example. 172800 IN NS ns-1.awsdns.example.",
        changes={
            "settings": {"zones": ["relay.example", "shop.example", "eu.relay.example"]},
            "names": {
                "eu.relay.example NS @resolver": ["ns-1.awsdns.example.", "ns-2.awsdns.example."],
                "eu.relay.example SOA": ["ns-1. x. 1 1 1 1 1"],
            },
        },
        answers={
            "ListHostedZones": zones(
                zone("relay.example", "Z1"),
                zone("shop.example", "Z2"),
                zone("eu.relay.example", "Z3"),
            )
        },
        text="the zone relay.example has no NS record for eu.relay.example",
    ),
    Broken(
        "CAA of the domain above the zone",
        "caa-forbids",
        "letsencrypt.org",
        changes={
            "settings": {
                "gateway": {"name": "mail.eu.relay.example"},
                "zones": ["eu.relay.example", "shop.example"],
            },
            "names": {
                "relay.example CAA": ['0 issue "amazon.com"'],
                "eu.relay.example NS": ["ns-1.awsdns.example.", "ns-2.awsdns.example."],
                "eu.relay.example SOA": ["ns-1. x. 1 1 1 1 1"],
            },
        },
        answers={
            "ListHostedZones": zones(zone("eu.relay.example", "Z1"), zone("shop.example", "Z2"))
        },
    ),
]
