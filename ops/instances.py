"""Whether a host's instance runs, by EC2's API."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from ops.account import Clients
from ops.outputs import Host


@dataclass(frozen=True)
class Down:
    """The reason that a host does not answer, and the remedy."""

    why: str
    remedy: str
    gone: bool = False  # permanently: it must be replaced

    def __str__(self) -> str:
        return f"{self.why}. To bring it back: {self.remedy}"


def down(client: Clients, host: Host, again: str) -> Down | None:
    """The reason that a host's instance is down, or None if it runs; raises botocore's errors.

    `again` is the command that replaces an instance that is gone.
    """
    identity = host.instance_id
    try:
        answer = client("ec2").describe_instance_status(
            InstanceIds=[identity], IncludeAllInstances=True
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInstanceID.NotFound":
            raise
        return Down(f"{host.name} is gone: there is no instance {identity}", again, gone=True)
    for status in answer["InstanceStatuses"]:
        state = status["InstanceState"]["Name"]
        start = f"aws ec2 start-instances --instance-ids {identity}"
        if state in ("stopped", "stopping"):
            return Down(f"{host.name} is {state} (instance {identity})", start)
        if state in ("shutting-down", "terminated"):
            text = f"{host.name} is gone: its instance {identity} is {state}"
            return Down(text, again, gone=True)
        if state == "pending":
            text = f"{host.name} is starting (instance {identity})"
            return Down(text, "wait; its status checks take some minutes")
        checks = (status["SystemStatus"]["Status"], status["InstanceStatus"]["Status"])
        if "impaired" in checks:
            return Down(
                f"{host.name} answers nothing: its instance {identity} fails EC2's status checks",
                f"aws ec2 stop-instances --instance-ids {identity}, and once it is stopped, {start}"
                " (on other hardware, with its disks and its address)",
            )
    return None
