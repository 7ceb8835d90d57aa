"""Draw the sample pictures where somebody else will ingest them: into a folder, or into a bucket.

    python -m demo.sample FOLDER
    python -m demo.sample s3://BUCKET/PREFIX --count 200

A bucket is made where it is missing, at the store of the settings (`s3.endpoint_url`), with the credentials that every
AWS tool finds. Run it again: what is there already is kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from core.settings import Settings, load_settings
from demo.scenes.sample_library import write_pictures

_THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


@click.command()
@click.argument("target", metavar="FOLDER|s3://BUCKET/PREFIX")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="How many pictures.")
def main(target: str, count: int) -> None:
    """Draw the sample pictures into a folder or a bucket; what is there already is kept."""
    if not target.startswith("s3://"):
        written = sum(1 for _ in write_pictures(Path(target), count))
        click.echo(f"{written:,} drawn pictures are in {target}")
        return
    try:
        added = fill_bucket(load_settings(), target, count)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise click.ClickException(
            f"{target} could not be filled: {error}; look at BUCKETLENS_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        ) from error
    click.echo(f"{count:,} drawn pictures are in {target}, {added:,} of them new")


def fill_bucket(settings: Settings, target: str, count: int) -> int:
    """Put pictures 1 to `count` below s3://BUCKET/PREFIX; returns how many were not there.

    Raises BotoCoreError, ClientError, and ValueError for an address that is none.
    """
    bucket, prefix = urlsplit(target).netloc, urlsplit(target).path.strip("/")
    client = boto3.Session(profile_name=settings.s3.profile, region_name=settings.s3.region).client(
        "s3", endpoint_url=settings.s3.endpoint_url
    )
    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THERE:
            raise
    held = _held(client, bucket, prefix)
    added = 0
    with TemporaryDirectory() as folder:
        for path in write_pictures(Path(folder), count):
            key, data = f"{prefix}/{path.name}".lstrip("/"), path.read_bytes()
            if held.get(key) != hashlib.md5(data, usedforsecurity=False).hexdigest():
                client.put_object(Bucket=bucket, Key=key, Body=data, ContentType="image/jpeg")
                added += 1
    return added


def _held(client: Any, bucket: str, prefix: str) -> dict[str, str]:
    """The ETag of every key below the prefix, without its quotes."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", ())}


if __name__ == "__main__":
    main()
