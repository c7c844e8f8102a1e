"""Monitoring: metrics and alarms, told by another way than the mail that they are about."""

from settings.base import Model as _Model
from settings.words import Notified, PrivateNetwork


class Monitoring(_Model):
    """CloudWatch's metrics and alarms of each host, and who is told of alarms, by SNS.

    The operator is told in any case; `notify` are further addresses and https:// endpoints.
    `detail`: all metrics, and a dashboard. `block_lists`: gateways ask block lists for their own
    address and domains, with or without alarms. `prometheus` are the networks from which one asks
    the hosts for their measurements, on port 9100, with or without CloudWatch.
    """

    enabled: bool = False
    detail: bool = False
    notify: tuple[Notified, ...] = ()
    block_lists: bool = True
    prometheus: tuple[PrivateNetwork, ...] = ()
