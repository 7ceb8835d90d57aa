"""What tests of several kinds share: servers, each started when the first test asks for it, and drawn examples.

Properties are checked on the same examples everywhere, however slow or busy the machine is.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from core.adapters.models.files.model_files import set_environment
from tests.support.servers.s3_server import s3_server

set_environment()  # before any test imports torch: tests run on as many processes as there are cores

settings.register_profile(
    "bucketlens", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("bucketlens")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a running S3 server; use buckets of your own."""
    with s3_server() as endpoint:
        yield endpoint
