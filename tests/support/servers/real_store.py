"""A real S3 store, if the environment names one: `tests/support/servers/ceph-gateway start` prints the variables.

BUCKETLENS_TEST_S3_ENDPOINT_URL says where it is; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are those of a user who
may make buckets. BUCKETLENS_TEST_S3_CONTROL is a shell command in which {} is replaced by what is to be done to the
store: kill, hang, or back.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

URL = "BUCKETLENS_TEST_S3_ENDPOINT_URL"
CONTROL = "BUCKETLENS_TEST_S3_CONTROL"

MAY_BE_KILLED = pytest.mark.skipif(
    not (os.environ.get(URL) and os.environ.get(CONTROL)),
    reason=f"{URL} and {CONTROL} name no real store, and how it is killed and hung",
)


def client(endpoint: str) -> Any:
    """A client of the tests' own, with the keys of the environment."""
    return boto3.Session().client("s3", endpoint_url=endpoint, region_name="us-east-1")


def control(what: str) -> None:
    subprocess.run(os.environ[CONTROL].replace("{}", what), shell=True, check=True, timeout=60)


@contextmanager
def own_bucket(s3: Any, *, kept: bool = False) -> Iterator[str]:
    """A new bucket; it goes in the end, with everything in it, unless it is `kept`."""
    name = f"bucketlens-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    yield name
    if not kept:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
        s3.delete_bucket(Bucket=name)
