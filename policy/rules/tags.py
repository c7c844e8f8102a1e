"""Tags: what is paid for, and what is left after a destroy, is found by them."""

from collections.abc import Iterator

from policy.rules.rule import UNKNOWN, Resource

NEEDED = ("Project", "Stack", "Name")
TAGGED = frozenset(
    {
        "aws:ebs/volume:Volume",
        "aws:ec2/eip:Eip",
        "aws:ec2/instance:Instance",
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/networkInterface:NetworkInterface",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:iam/role:Role",
        "aws:iam/user:User",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:sesv2/emailIdentity:EmailIdentity",
    }
)


def tags(resource: Resource) -> Iterator[str]:
    """Each resource that takes tags says whose it is."""
    given = resource.props.get("tags") or {}
    if resource.type not in TAGGED or given is UNKNOWN:
        return
    if missing := [tag for tag in NEEDED if tag not in given]:
        yield f"it has no tag {', '.join(missing)}"
