"""A folder of formats that people have, through the real command: what is found, and what is told of the rest."""

import json
from pathlib import Path

import pytest

from core.adapters.qdrant_edge.index import EdgeIndex
from core.domain.filtering.filters import FAILED, INDEXED
from core.domain.model_catalog import DEMO_WEIGHTS
from tests.e2e.ingest.faults.test_kill import pages
from tests.support.files.picture_cases import list_cases
from tests.support.processes.commands import bucketlens

NAMES = (
    *("6.dng", "8.cr2", "1.cr3", "3.raf", "a.nef", "a.rw2", "planes-6.tif", "tiled-8.tif", "rgb-f4-True-<.tif"),
    *("lab-8-True-True.tif", "RGB.jxl", "RGB.jp2", "icon.ico", "deep.pgm", "run-lengths.tga", "bits.pcx", "cmyk.jpg"),
    *("strip.dng", "34712.tif", "d.jpg", "m.jpg", "r.jpg"),
)


@pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")
def test_a_folder_of_many_formats(tmp_path: Path) -> None:
    cases = {case.name: case for case in list_cases() if case.name in NAMES}
    folder, data = tmp_path / "pictures", tmp_path / "data"
    folder.mkdir()
    for name, case in cases.items():
        (folder / name).write_bytes(case.data)
    run = bucketlens("ingest", folder, "--data", data, "--model", "demo", "--json", "--no-captions", cwd=tmp_path)
    report = json.loads(run.stdout.splitlines()[-1])
    refused = {name for name, case in cases.items() if case.reason is not None}
    assert (report["added"], report["failed"], run.returncode) == (len(cases) - len(refused), len(refused), 3)
    index = EdgeIndex.open(data / "index")
    found = {record.key: record for record in pages(index, INDEXED)}
    failed = {record.key: str(record.error) for record in pages(index, FAILED)}
    index.close()
    assert {name: (record.width, record.height) for name, record in found.items()} == {
        name: case.size for name, case in cases.items() if case.reason is None
    }
    assert {found[name].taken_at is not None for name in ("6.dng", "8.cr2", "1.cr3", "3.raf")} == {True}
    assert sorted(failed) == sorted(refused) and not [told for told in failed.values() if "damaged" in told]
