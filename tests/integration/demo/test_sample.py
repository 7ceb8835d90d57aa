"""The sample pictures in a folder and in a bucket, for an ingest that comes later."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from core.settings import load_settings
from demo.sample import fill_bucket, main
from tests.support.servers.s3_server import ENVIRONMENT, s3_client


@pytest.fixture
def store(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return s3_endpoint


def test_a_folder_is_filled_and_what_is_there_is_kept(tmp_path: Path) -> None:
    for count in (2, 3):
        done = CliRunner().invoke(main, [str(tmp_path), "--count", str(count)])
        assert done.exit_code == 0, done.output
        assert done.output == f"{count} drawn pictures are in {tmp_path}\n"
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"demo-0000{n}.jpg" for n in (1, 2, 3)]


def test_a_bucket_is_made_and_filled_and_what_is_there_is_kept(store: str) -> None:
    settings = load_settings(s3_endpoint_url=store)
    assert [fill_bucket(settings, "s3://sample-pictures/a/b/", count) for count in (2, 2, 3)] == [2, 0, 1]
    client = s3_client(store)
    client.put_object(Bucket="sample-pictures", Key="a/b/demo-00001.jpg", Body=b"something else")
    assert fill_bucket(settings, "s3://sample-pictures/a/b", 3) == 1
    held = client.list_objects_v2(Bucket="sample-pictures")["Contents"]
    assert [entry["Key"] for entry in held] == [f"a/b/demo-0000{n}.jpg" for n in (1, 2, 3)]
    assert client.get_object(Bucket="sample-pictures", Key="a/b/demo-00001.jpg")["Body"].read()[:3] == b"\xff\xd8\xff"


def test_what_cannot_be_filled_is_told_with_a_way_out(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETLENS_S3_ENDPOINT_URL", store)
    done = CliRunner().invoke(main, ["s3://no such name", "--count", "1"])
    assert done.exit_code == 1
    assert "could not be filled" in done.output and "BUCKETLENS_S3_ENDPOINT_URL" in done.output
