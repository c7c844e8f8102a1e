"""The ports that mail needs, which security groups open and the command line looks at."""

from dataclasses import dataclass

EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Service:
    """One row of a security group: a protocol and its port, or "icmp" with -1."""

    protocol: str
    port: int

    @property
    def name(self) -> str:
        """The service as part of a resource's name."""
        return f"{self.protocol}-{self.port}" if self.port >= 0 else self.protocol


SMTP, SUBMISSION, SUBMISSIONS = Service("tcp", 25), Service("tcp", 587), Service("tcp", 465)
SSH = Service("tcp", 22)
WEB = (Service("tcp", 80), Service("tcp", 443))
# Every host needs DNS, HTTP(S) for packages and AWS's API, NTP, and ICMP for path MTU discovery.
BASE_EGRESS = (
    Service("udp", 53),
    Service("tcp", 53),
    *WEB,
    Service("udp", 123),
    Service("icmp", -1),
)
IMAPS = Service("tcp", 993)
NODE_EXPORTER = Service("tcp", 9100)  # Prometheus'
GATEWAY_IN = (SMTP, SUBMISSION, SUBMISSIONS)
BALANCED_IN = (SMTP,)  # with a load balancer, the others are open to it alone
CLIENT_OUT = (SUBMISSION, SUBMISSIONS, *BASE_EGRESS)
