"""S3's rules for the names of buckets (S3 User Guide, "General purpose bucket naming rules")."""

import re

from lab.region.errors import ApiError

NAME = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RESERVED_ENDS = ("-s3alias", "--ols-s3", ".mrap", "--x-s3", "--table-s3")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def create_bucket(name: str) -> None:
    """Refuse names with underscores and others that moto accepts and S3 refuses."""
    good = NAME.fullmatch(name) and ".." not in name and not ADDRESS.fullmatch(name)
    if not good or name.endswith(RESERVED_ENDS):
        raise ApiError("InvalidBucketName", "The specified bucket is not valid.")
