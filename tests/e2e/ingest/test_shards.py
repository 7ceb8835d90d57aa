"""Shards on the real command line: kill -9 while they are gone through and read, and run again."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.ingest.faults.test_kill import contents
from tests.support.processes.commands import ROOT, bucketlens, run_main

MOMENTS = [("shard indexed", "before"), ("shard indexed", "after"), ("shard read", "after"), ("thumbnail", "before")]
MOMENTS += [("upsert", "before"), ("upsert", "after"), ("written", "after"), ("end", "before"), ("record", "before")]


def write_img2dataset_shard(folder: Path, number: int, count: int) -> None:
    """Write a shard as img2dataset 1.47 does: keys of nine digits, jpg, json, txt, and its files beside it."""
    with tarfile.open(folder / f"{number:05d}.tar", "w") as tar:
        for at in range(count):
            key = f"{number:05d}{at:04d}"
            picture = io.BytesIO()
            Image.new("RGB", (20 + at, 20 + number), ["red", "blue", "green"][at % 3]).save(picture, "JPEG")
            fields: dict[str, Any] = {"url": f"https://example.org/{key}.jpg", "caption": f"thing number {key}"}
            fields |= {"key": key, "status": "success", "error_message": None, "width": 20 + at, "exif": "{}"}
            sample = {"jpg": picture.getvalue(), "json": json.dumps(fields, indent=4).encode()}
            sample["txt"] = str(fields["caption"]).encode()
            for suffix, data in sample.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size, info.mtime, info.mode, info.uname, info.gname = len(data), 1_700_000_000, 0o444, "b", "b"
                tar.addfile(info, io.BytesIO(data))
    (folder / f"{number:05d}_stats.json").write_text("{}")
    (folder / f"{number:05d}.parquet").write_bytes(b"PAR1")


def run(arguments: list[str], point: str = "end", moment: str = "before", passage: int = 1_000_000) -> int:
    told = [point, moment, str(passage), "colours", *arguments]
    return run_main("tests.support.processes.kill_at:main", *told, cwd=ROOT, timeout=600).returncode


def kill_and_finish(folder: Path, moments: list[tuple[str, str]]) -> Path:
    """Kill an ingest of three shards at each of these moments; return the library once a run came to its end."""
    shards, data = folder / "set", folder / "data"
    shards.mkdir()
    for number in range(3):
        write_img2dataset_shard(shards, number, 5)
    arguments = ["ingest", f"shards:{shards}/{{00000..00002}}.tar", "--data", str(data)]
    kept: dict[str, int] = {}
    for point, moment in moments:
        run(arguments, point, moment, 2)
        now = {path.name: path.stat().st_mtime_ns for path in data.rglob("*.jsonl.gz")}
        assert kept.items() <= now.items()  # what was gone through is not gone through again
        kept = now
    assert run(arguments) == 0
    return data


def check(data: Path) -> None:
    records, vectors = contents(data)
    keys = {f"{number:05d}.tar/{number:05d}{at:04d}.jpg" for number in range(3) for at in range(5)}
    assert {record.key for record in records.values()} == keys and len(records) == len(vectors) == 15
    for record in records.values():
        assert record.caption == f"thing number {record.key[10:-4]}" and record.caption_origin == "human"
        assert (record.width, record.status) == (20 + int(record.key[-5]), "indexed")


def test_an_ingest_of_shards_that_is_killed_goes_on_and_the_next_one_has_nothing_to_do(tmp_path: Path) -> None:
    data = kill_and_finish(tmp_path, [("shard indexed", "after"), ("upsert", "before")])
    check(data)
    source = f"shards:{tmp_path}/set/{{00000..00002}}.tar"
    again = bucketlens("ingest", source, "--data", str(data), "--json", "--no-captions", cwd=tmp_path)
    assert again.returncode == 0 and json.loads(again.stdout)["skipped"] == 15


@pytest.mark.soak
def test_an_ingest_of_shards_may_be_killed_at_every_stage(tmp_path: Path) -> None:
    check(kill_and_finish(tmp_path, MOMENTS))
