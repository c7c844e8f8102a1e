"""Every rule. Mandatory ones stop previews and updates, advisory ones only warn."""

from policy.rules import hosts, records, stack_rules, tags
from policy.rules.rule import Rule, StackRule

RULES = (
    Rule(
        "imdsv2",
        "mandatory",
        "The metadata service, which has the host's credentials, is IMDSv2 without further hops.",
        "set metadata_options: http_tokens required, http_put_response_hop_limit 1",
        hosts.metadata,
    ),
    Rule(
        "encrypted-disks",
        "mandatory",
        "Volumes and root devices are encrypted.",
        "set encrypted=True",
        hosts.disks,
    ),
    Rule(
        "ssh-from-named-networks",
        "mandatory",
        "SSH is open to networks that are named, not to the world.",
        "name the network that you come from",
        hosts.ssh,
    ),
    Rule(
        "no-secret-in-user-data",
        "mandatory",
        "User data, which is no secret on AWS, holds no key.",
        "hand it over by the host's tables",
        hosts.secrets,
    ),
    Rule(
        "tagged",
        "advisory",
        "Resources have the tags Project, Stack and Name.",
        "give it the tags of components.naming",
        tags.tags,
    ),
    Rule(
        "dkim-key-size",
        "mandatory",
        "DKIM's RSA keys have 2,048 bits or more.",
        "make a new key under a new selector",
        records.key_size,
    ),
    Rule(
        "txt-length",
        "mandatory",
        "TXT records are what DNS and Route53 take.",
        "cut it into strings by mail.txt, or say less",
        records.lengths,
    ),
)
STACK_RULES = (
    StackRule(
        "no-public-bucket",
        "mandatory",
        "No bucket can be read by everybody.",
        "give it a BucketPublicAccessBlock with all four, and a policy that names who may",
        stack_rules.closed_buckets,
    ),
    StackRule(
        "encrypted-buckets",
        "mandatory",
        "Buckets are encrypted.",
        "give it a BucketServerSideEncryptionConfiguration",
        stack_rules.encrypted_buckets,
    ),
    StackRule(
        "no-kept-secret-in-user-data",
        "mandatory",
        "No key or password of the stack is in user data.",
        "hand it over by the host's tables",
        stack_rules.strayed_secrets,
    ),
    StackRule(
        "protected-in-production",
        "mandatory",
        "In production, addresses, data volumes and keys are protected.",
        "pulumi config set mail-relay:protect true",
        stack_rules.unprotected,
    ),
    StackRule(
        "dmarc-in-production",
        "advisory",
        "In production, DMARC asks for quarantine at least.",
        "raise dmarc.policy once reports show that SPF and DKIM pass",
        stack_rules.lax_dmarc,
    ),
)
