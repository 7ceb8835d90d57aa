"""Options that the commands which read sources share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from core.commands.options import add_options
from core.settings import load_settings

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
        "--s3-addressing",
        "s3_addressing",
        type=click.Choice(("auto", "path", "virtual")),
        help="Where requests name the bucket: behind the host, or in its name, as some stores demand (default: auto).",
    ),
    click.option(
        "--s3-changed-by",
        "s3_changed_by",
        type=click.Choice(("etag", "time", "size")),
        help="How a changed object is told: by its ETag, by time and size, or by its size alone (default: etag).",
    ),
    click.option(
        "--allow-private",
        "list_allow_private",
        is_flag=True,
        default=None,
        help="Let lists lead to loopback and private networks.",
    ),
)

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


def exclude_option(command: F) -> F:
    """Add --exclude, whose patterns come beside those of the settings."""
    return click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        callback=_add_to_settings,
        help="Leave out what fits, by gitignore's rules: *.gif, raw/, /2019/private/. Repeatable.",
    )(command)


def _add_to_settings(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> object:
    """Return the patterns of the settings and those that were given; None where none were."""
    return (*load_settings().exclude, *given) if given else None


store_options = add_options(_STORE)
"""Adds them under the names of their settings, None where they are not given."""

captioner_options = add_options(_CAPTIONER)
"""Adds --captioner, --beams and --caption-all."""
