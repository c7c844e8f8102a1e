"""EC2's own metrics of instances: the status checks, once a minute.

Amazon EC2 User Guide, "CloudWatch metrics that are available for your instances": of an instance
that runs, 0 (passed) or 1 (failed). A stopped one has none.
"""

import math
from datetime import UTC

from lab.region import backends, power
from lab.region.cloudwatch.metrics import MINUTE, single
from lab.region.memory import Memory

NAMESPACE = "AWS/EC2"
NAMES = ("StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System")


def publish(memory: Memory, now: float) -> None:
    """Publish the checks of the last full minute, unless that was done."""
    minute = math.floor(now / MINUTE) * MINUTE - MINUTE
    if minute <= memory.cloudwatch.checked:
        return
    memory.cloudwatch.checked = minute
    power.before_status(memory, {})
    for instance in backends.instances():
        launched = instance.launch_time.replace(tzinfo=UTC).timestamp()
        if instance.state_code != power.RUNNING or launched > minute:
            continue
        failed = float(instance.instance_status["Status"] != "ok")
        for name in NAMES:
            key = (NAMESPACE, name, (("InstanceId", instance.id),))
            memory.cloudwatch.metrics.put(key, single(minute, failed, "Count"))
