"""`bucketlens ingest --model FOLDER` and a search, with encoders of other families than CLIP's usual one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.models.odd_pictures import draw_pictures, encode_file
from tests.support.models.open_clip_folders import make_open_clip
from tests.support.models.tower_folders import make_siglip2, make_two_towers
from tests.support.processes.commands import bucketlens


def _make_open_clip(folder: Path) -> Path:
    return make_open_clip(folder, "longest")


@pytest.mark.parametrize("make", [make_siglip2, make_two_towers, _make_open_clip])
def test_a_folder_of_another_family_makes_a_library_that_is_searched(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    model = make(tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(draw_pictures().values()):
        suffix = "tif" if picture.mode == "CMYK" else "png"
        (tmp_path / "pictures" / f"{number}.{suffix}").write_bytes(encode_file(picture))
    run = bucketlens("ingest", "pictures", "--model", model, "--no-captions", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert (report["added"], report["failed"]) == (6, 0)
    run = bucketlens("search", "une VOITURE rouge, la nuit", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(json.loads(run.stdout)["hits"]) == 6
    again = bucketlens("ingest", "pictures", "--no-captions", "--json", cwd=tmp_path)
    assert json.loads(again.stdout.splitlines()[-1])["skipped"] == 6
