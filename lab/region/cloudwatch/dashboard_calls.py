"""The calls about dashboards (API reference, PutDashboard and others)."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.region import backends
from lab.region.cloudwatch.metric_calls import paged
from lab.region.errors import ApiError
from lab.region.memory import Memory

Parameters = dict[str, Any]
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MOST_WIDGETS, PAGE = 500, 1000


def _arn(name: str) -> str:
    return f"arn:aws:cloudwatch::{backends.ACCOUNT}:dashboard/{name}"


def put(memory: Memory, given: Parameters) -> Parameters:
    """PutDashboard, whose body is JSON with a list of widgets."""
    name, body = given.get("DashboardName") or "", given.get("DashboardBody") or ""
    if not NAME.fullmatch(name):
        raise ApiError("InvalidParameterValue", f"The value {name} for DashboardName is invalid.")
    try:
        document = json.loads(body)
    except ValueError:
        raise ApiError("InvalidParameterInput", "The dashboard's body is no JSON") from None
    widgets = document.get("widgets") if isinstance(document, dict) else None
    if not isinstance(widgets, list) or len(widgets) > MOST_WIDGETS:
        said = f"The field widgets must be a list of {MOST_WIDGETS} at most"
        raise ApiError("InvalidParameterInput", said)
    for number, widget in enumerate(widgets):
        if not isinstance(widget, dict) or not {"type", "properties"} <= set(widget):
            said = f"/widgets/{number}: a widget has a type and properties"
            raise ApiError("InvalidParameterInput", said)
    memory.cloudwatch.dashboards[name] = body, datetime.now(UTC)
    return {"DashboardValidationMessages": []}


def get(memory: Memory, given: Parameters) -> Parameters:
    """GetDashboard."""
    name = given["DashboardName"]
    if name not in memory.cloudwatch.dashboards:
        raise ApiError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    body, _ = memory.cloudwatch.dashboards[name]
    return {"DashboardArn": _arn(name), "DashboardName": name, "DashboardBody": body}


def delete(memory: Memory, given: Parameters) -> Parameters:
    """DeleteDashboards: all of them or, if one does not exist, none."""
    names = given.get("DashboardNames") or []
    if missing := [n for n in names if n not in memory.cloudwatch.dashboards]:
        raise ApiError("ResourceNotFound", f"Dashboard {missing[0]} does not exist", 404)
    for name in names:
        memory.cloudwatch.dashboards.pop(name)
    return {}


def listed(memory: Memory, given: Parameters) -> Parameters:
    """ListDashboards."""
    prefix = given.get("DashboardNamePrefix") or ""
    found = [
        {
            "DashboardName": name,
            "DashboardArn": _arn(name),
            "LastModified": time,
            "Size": len(body.encode()),
        }
        for name, (body, time) in sorted(memory.cloudwatch.dashboards.items())
        if name.startswith(prefix)
    ]
    return paged(found, given, "DashboardEntries", PAGE)


CALLS: Mapping[str, Callable[[Memory, Parameters], Parameters]] = {
    "PutDashboard": put,
    "GetDashboard": get,
    "DeleteDashboards": delete,
    "ListDashboards": listed,
}
