"""What tests of several kinds share: servers, each started when the first test asks for it, and drawn examples.

Properties are checked on the same examples everywhere, however slow or busy the machine is.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from core.adapters.models.files.model_files import set_environment
from tests.support.servers.s3_server import s3_server

if "PYTEST_XDIST_WORKER" not in os.environ:  # one cache of exported models for a run, and none of earlier runs
    os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="bucketlens-tests-")
    os.environ.pop("BUCKETLENS_CACHE", None)
    atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)
else:  # beside others, threads of one process that wait for one another cost up to 50 times the work that they share
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

set_environment()  # before any test imports numpy or torch: tests run on as many processes as there are cores

settings.register_profile(
    "bucketlens", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("bucketlens")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, as tests wait now and then; at most four, as each takes a gigabyte."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a running S3 server; use buckets of your own."""
    with s3_server() as endpoint:
        yield endpoint
