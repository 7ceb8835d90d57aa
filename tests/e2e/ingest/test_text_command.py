"""`bucketlens read-text` as people use it, with the reader itself: read, told, found, and read again when asked."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from core.domain.model_catalog import DEMO_WEIGHTS
from tests.support.processes.commands import bucketlens

pytestmark = pytest.mark.skipif(not (DEMO_WEIGHTS / "clip").is_dir(), reason="needs the demo models")
pytest.importorskip("rapidocr")


def test_text_is_read_found_and_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    page = Image.new("RGB", (800, 300), "white")
    for n, line in enumerate(("INVOICE 2024-117", "Total amount due")):
        ImageDraw.Draw(page).text((40, 40 + 80 * n), line, fill="black", font=ImageFont.load_default(size=48))
    page.save(tmp_path / "in" / "scan.png")
    Image.new("RGB", (320, 240), "steelblue").save(tmp_path / "in" / "plain.png")
    run = bucketlens("ingest", "in", "--model", "demo", "--no-captions", "--no-text", cwd=tmp_path)
    assert run.returncode == 0 and "text" not in run.stdout, run.stderr
    assert "2 not looked at yet (`bucketlens read-text` does)" in bucketlens("status", cwd=tmp_path).stdout

    run = bucketlens("read-text", cwd=tmp_path)
    assert run.returncode == 0 and run.stdout.startswith("2 looked at for text in "), run.stderr
    assert "found in 1" in run.stdout
    found = bucketlens("search", "--text", "invoce 2024", cwd=tmp_path)
    assert "scan.png" in found.stdout and "plain.png" not in found.stdout and "text: INVOICE 2024" in found.stdout

    (hit,) = json.loads(bucketlens("search", "invoice text:due", "--json", cwd=tmp_path).stdout)["hits"]
    assert hit["why"]["text"] == ["invoice"] and hit["strength"] >= 0.5
    assert [line["text"] for line in hit["text_lines"]] == ["INVOICE 2024-117", "Total amount due"]
    assert all(len(line["box"]) == 8 and 0 <= min(line["box"]) <= max(line["box"]) <= 1 for line in hit["text_lines"])
    again = json.loads(bucketlens("read-text", "--redo", "--json", cwd=tmp_path).stdout)
    assert (again["text_read"], again["text_found"], again["text_missed"]) == (2, 1, 0)
    (tmp_path / "in" / "scan.png").unlink()
    run = bucketlens("read-text", "--redo", cwd=tmp_path)
    assert run.returncode == 3 and "scan.png: deleted since" in run.stderr, run.stderr
    assert "scan.png" in bucketlens("search", "--text", "invoice", cwd=tmp_path).stdout, "it keeps its text"
