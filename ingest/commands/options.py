"""Options that the commands which read sources share."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_STORE = (
    click.option(
        "--endpoint-url",
        "s3_endpoint_url",
        metavar="URL",
        help="Address of an S3-compatible store (default: Amazon's).",
    ),
    click.option("--profile", "s3_profile", metavar="NAME", help="Profile of ~/.aws/config, for s3://…"),
    click.option(
        "--no-sign-request",
        "s3_anonymous",
        is_flag=True,
        default=None,
        help="Read public buckets without credentials.",
    ),
    click.option(
        "--requester-pays", "s3_requester_pays", is_flag=True, default=None, help="Read buckets whose reader pays."
    ),
    click.option(
        "--versioned",
        "s3_versioned",
        is_flag=True,
        default=None,
        help="Read exactly the versions that were listed, in versioned buckets.",
    ),
    click.option(
        "--allow-private",
        "list_allow_private",
        is_flag=True,
        default=None,
        help="Let lists lead to loopback and private networks.",
    ),
)


def store_options(command: F) -> F:
    """Adds them under the names of their settings, None where they are not given."""
    return _with(_STORE, command)


_CAPTIONER = (
    click.option("--captioner", metavar="NAME|PATH", help="Captioner: see `bucketlens models`."),
    click.option(
        "--beams",
        type=click.IntRange(1, 16),
        metavar="N",
        help="Captions kept in view while one is written: better ones, slower (default: 1).",
    ),
    click.option("--caption-all", is_flag=True, help="Caption those images too that people have captioned."),
)


def captioner_options(command: F) -> F:
    return _with(_CAPTIONER, command)


def _with(options: Iterable[Callable[[F], F]], command: F) -> F:
    for option in reversed(list(options)):
        command = option(command)
    return command
