"""Metrics and alarms in CloudWatch, told by SNS: not by the mail that they are about."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cloudinit.hosts import AnyHost
from components import dashboard
from components.naming import dashboard_name
from components.tags import Tags
from settings import Settings

# Hosts send a data point every five minutes (templates/metrics).
PERIOD = 300
HOUR = 3600


@dataclass(frozen=True)
class Alarm:
    """An alarm on one of a host's metrics (agent/metrics.py), and what a person is told of it.

    It fires once `periods` data points in a row, of five minutes each, are beyond `threshold`:
    `comparison` is CloudWatch's operator, and says on which side. `says` is what that means, and
    `type` the command that shows more, or mends it. Without a `statistic` one good value in a
    period is enough to be well.
    """

    metric: str
    comparison: str
    threshold: float
    periods: int
    says: str
    type: str
    missing: str = "ignore"
    statistic: str = ""


BELOW, ABOVE = "LessThanThreshold", "GreaterThanThreshold"
# A host that sends nothing does not serve: that alarm alone takes missing data for a failure, so
# that a dead host is told once. A value that the host cannot read is told as not serving.
HOST = (
    Alarm(
        "Serving",
        BELOW,
        1,
        2,
        "{host} does not serve as it should, or has told nothing for ten minutes: it may be down, "
        "without its role, a service on it does not run, it gets no usable tables, or its clock is "
        "wrong",
        "./relay verify --stack {stack}",
        missing="breaching",
    ),
    Alarm(
        "QueueOldest",
        ABOVE,
        4 * HOUR,
        3,
        "mail has waited on {host} for four hours: receivers do not take it, or it cannot get out",
        "./relay queue list --stack {stack}",
    ),
    Alarm(
        "DiskFree",
        BELOW,
        10,
        3,
        "a file system of {host} has less than a tenth of its bytes or inodes left: mail will wait",
        "./relay verify --stack {stack}",
    ),
    Alarm(
        "RefusedByReceivers",
        ABOVE,
        5,
        1,
        "receivers have refused more than five messages of {host} for their policies (5.7.x) in "
        "five minutes: its address or a domain may be on a block list, or a login abused",
        "./relay verify --stack {stack}",
        # no count of zero is sent
        missing="notBreaching",
        statistic="Sum",
    ),
)
GATEWAY = (
    *HOST,
    Alarm(
        "CertificateDays",
        BELOW,
        14,
        3,
        "the certificate of {host} ends in less than 14 days and has not been renewed: logins and "
        "the clients' mail will wait",
        "./relay verify --stack {stack}",
    ),
    Alarm(
        "WayOut",
        BELOW,
        1,
        3,
        "{host} has not reached other mail servers for a quarter of an hour: mail waits",
        "./relay verify --stack {stack}",
    ),
)
# A gateway asks once a day, and sends what it found once: between two rounds nothing changes.
LISTED = Alarm(
    "Listed",
    ABOVE,
    0,
    1,
    "a block list has the address of {host}, or a domain of the stack: receivers refuse its mail, "
    "or take it for spam",
    "./relay verify --stack {stack}",
)


def alarms_of(settings: Settings, host: str) -> tuple[Alarm, ...]:
    """The alarms of a host."""
    if host not in {gateway.name for gateway in settings.gateways}:
        return HOST
    return (*GATEWAY, LISTED) if settings.monitoring.block_lists else GATEWAY


class Monitoring(pulumi.ComponentResource):
    """The topic with its subscriptions, and the alarms of each host.

    A subscriber by mail gets a question first, and nothing until the link in it has been opened.
    """

    def __init__(self, tags: Tags, settings: Settings) -> None:
        super().__init__("mail-relay:index:Monitoring", "monitoring")
        self._tags, self._stack, self._settings = tags, pulumi.get_stack(), settings
        self._detail = settings.monitoring.detail
        name = f"{pulumi.get_project()}-{self._stack}"
        self.namespace = name
        child = pulumi.ResourceOptions(parent=self)
        self.topic = aws.sns.Topic(
            "alarms",
            # SNS takes no dots in names, as projects and stacks may have
            name=f"{name}-alarms".replace(".", "-"),
            display_name=f"mail-relay {self._stack}"[:100],
            tags=tags.named(f"{name} alarms"),
            opts=child,
        )
        self.told = tuple(dict.fromkeys((settings.operator, *settings.monitoring.notify)))
        for endpoint in self.told:
            aws.sns.TopicSubscription(
                endpoint,
                topic=self.topic.arn,
                protocol="https" if "://" in endpoint else "email",
                endpoint=endpoint,
                opts=pulumi.ResourceOptions(parent=self.topic),
            )
        if self._detail:
            hosts = [host.name for host in (*settings.gateways, *settings.clients)]
            alarms = [self._alarm_name(h, alarm) for h in hosts for alarm in alarms_of(settings, h)]
            aws.cloudwatch.Dashboard(
                "hosts",
                dashboard_name=dashboard_name(pulumi.get_project(), self._stack),
                dashboard_body=self.topic.arn.apply(
                    lambda arn: json.dumps(dashboard.body(arn, name, hosts, alarms, PERIOD))
                ),
                opts=child,
            )

    @property
    def arguments(self) -> str:
        """The command line of agent/metrics.py."""
        return f"{self.namespace} all" if self._detail else self.namespace

    def _alarm_name(self, host: str, alarm: Alarm) -> str:
        return f"{self.namespace} {host} {alarm.metric}"

    @property
    def statement(self) -> dict[str, Any]:
        """The IAM statement for a host's role; PutMetricData has no resources."""
        return {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": self.namespace}},
        }

    def watch(self, fixed: AnyHost, after: pulumi.Resource) -> None:
        """Declare a host's alarms, once it serves: before, they would fire at once."""
        host = fixed.name
        for alarm in alarms_of(self._settings, host):
            words = {"host": host, "stack": self._stack}
            aws.cloudwatch.MetricAlarm(
                f"{host}-{alarm.metric}",
                name=self._alarm_name(host, alarm),
                alarm_description=f"{alarm.says}. Type: {alarm.type}".format_map(words),
                namespace=self.namespace,
                metric_name=alarm.metric,
                dimensions={"Host": host},
                statistic=alarm.statistic
                or ("Minimum" if alarm.comparison == ABOVE else "Maximum"),
                period=PERIOD,
                evaluation_periods=alarm.periods,
                comparison_operator=alarm.comparison,
                threshold=alarm.threshold,
                treat_missing_data=alarm.missing,
                alarm_actions=[self.topic.arn],
                ok_actions=[self.topic.arn],
                tags=self._tags.named(f"{host} {alarm.metric}"),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[after]),
            )
