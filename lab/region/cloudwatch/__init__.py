"""Amazon CloudWatch: metrics, alarms that are evaluated, and dashboards.

moto stores alarms and evaluates none, and its statistics are not CloudWatch's; so this is our own.
"""
