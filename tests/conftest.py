"""Servers that tests of several kinds share; each starts when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.s3_server import s3_server


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a running S3 server; use buckets of your own."""
    with s3_server() as endpoint:
        yield endpoint
