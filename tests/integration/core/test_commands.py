"""status, failures and models over a small library of the embedded index."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import bucketlens.cli
import core.commands.failures
from core.adapters.local.run_log import LastRunFile
from core.adapters.qdrant_edge.index import EdgeIndex
from core.commands.log_config import OneLine
from core.domain.ids import point_id
from core.domain.image import ImageRecord
from core.domain.model_catalog import MODELS
from core.errors import LibraryMissing
from core.ports.scrolling import scroll_all
from core.ports.vector_index import IndexInfo, Point
from core.text.analysis import analyse
from core.text.sanitize import printable_lines

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "/b/\x1b[31mred\u202egpj.exe\n.jpg"
Run = Callable[..., Result]


def _point(source: str, key: str, *, caption: str | None = None, error: str | None = None) -> Point:
    record = ImageRecord(
        id=point_id(source, key),
        source=source,
        key=key,
        uri=f"{source}/{key}",
        etag="1",
        bytes=1,
        modified_at=NOW,
        indexed_at=NOW,
        status="failed" if error else "indexed",
        encoder="f00d",
        error=error,
        content_hash=None if error else "ab",
        caption=caption,
        caption_origin=None if caption is None else "generated",
        words=analyse(caption or ""),
    )
    return Point(record, None if error else np.array([1, 0, 0, 0], np.float32))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "library"
    EdgeIndex.create(folder / "index", IndexInfo("demo", "f00d", 4)).close()
    index = EdgeIndex.open(folder / "index", wait_s=2)
    index.upsert(
        [
            _point("/a", "1.jpg", caption="a dog"),
            _point("/a", "2.jpg", caption=""),
            _point("/a", "3.jpg"),
            _point("/a", "4.jpg", error="damaged: cut short"),
            _point("/b", HOSTILE.removeprefix("/b/"), error="over the limit\nof \x07 pixels"),
        ]
    )
    index.close()
    (folder / "thumbnails" / "a0" / "00").mkdir(parents=True)
    (folder / "thumbnails" / "a0" / "00" / "x.jpg").write_bytes(bytes(5_000_000))
    return folder


@pytest.fixture
def run(data: Path) -> Run:
    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(bucketlens.cli.commands, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        return result

    return invoke


def test_status_for_programs(run: Run, data: Path) -> None:
    LastRunFile(data / "last_run.json").write(NOW, ["/a"])
    found = json.loads(run("status", "--json", "--data", str(data)).stdout)
    size = found.pop("bytes_on_disk")
    assert found == {
        "images": 3,
        "failed": 2,
        "incomplete": 0,
        "captioned": 2,
        "pending_captions": 1,
        "with_text": 0,
        "pending_text": 3,
        "sources": [{"source": "/a", "images": 3, "failed": 1}, {"source": "/b", "images": 0, "failed": 1}],
        "last_complete_run": "2026-01-01T00:00:00+00:00",
        "model": "demo",
        "strength": "calibrated on demo, and here by its prompts and 3 pictures",
        "fingerprint": "f00d",
        "backend": "edge",
        "mirror": None,
        "recall": None,
    }
    assert size > 5_000_000


def test_status_for_people(run: Run, data: Path) -> None:
    output = run("status", "--data", str(data)).stdout
    assert "last complete run: none yet" in output
    for part in ("3 pictures", "1 wait for a caption", "2 failed", "/a: 3 pictures, 1 failed", "model demo", "MB in"):
        assert part in output


def test_status_without_a_library_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match="ingesting a folder"):
        run("status", "--data", str(tmp_path / "none"))


def test_failures_come_one_a_line_and_cannot_command_a_terminal(run: Run, data: Path) -> None:
    output = run("failures", "--data", str(data)).stdout
    assert sorted(output.splitlines()) == [
        "/a/4.jpg\tdamaged: cut short",
        r"/b/\x1b[31mred\u202egpj.exe\n.jpg" + "\t" + r"over the limit\nof \x07 pixels",
    ]


def test_failures_for_programs(run: Run, data: Path) -> None:
    found = json.loads(run("failures", "--json", "--data", str(data)).stdout)["failures"]
    assert {"uri": HOSTILE, "source": "/b", "reason": "over the limit\nof \x07 pixels"} in found
    assert len(found) == 2


def test_failures_are_read_page_by_page(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = EdgeIndex.open(data / "index", wait_s=2)
    index.upsert([_point("/c", f"{n}.jpg", error="damaged") for n in range(23)])
    index.close()
    monkeypatch.setattr(core.commands.failures, "scroll_all", partial(scroll_all, page_size=5))
    lines = run("failures", "--data", str(data)).stdout.splitlines()
    assert len(lines) == len(set(lines)) == 25


def test_no_failures(run: Run, data: Path) -> None:
    index = EdgeIndex.open(data / "index", wait_s=2)
    index.delete([point_id("/a", "4.jpg"), point_id("/b", HOSTILE.removeprefix("/b/"))])
    index.close()
    assert run("failures", "--data", str(data)).stdout == "No file failed.\n"
    assert json.loads(run("failures", "--json", "--data", str(data)).stdout) == {"failures": []}


def test_models_lists_every_line_of_the_table(run: Run) -> None:
    lines = json.loads(run("models", "--json").stdout)["models"]
    assert [(line["role"], line["name"]) for line in lines] == [(card.role, card.name) for card in MODELS]
    by_key = {(line["role"], line["name"]): line for line in lines}
    demo = by_key["encoder", "demo"]
    assert (demo["state"], demo["dimension"], demo["licence"]) == ("shipped", 256, "Apache-2.0")
    assert by_key["encoder", "clip-ViT-B-32"]["default"] is True
    output = run("models").stdout
    for card in MODELS:
        assert any(line.split()[:1] == [card.name] and card.licence in line for line in output.splitlines())


def test_models_tells_what_is_in_the_cache(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def state() -> str:
        lines = json.loads(run("models", "--json").stdout)["models"]
        return str(next(line["state"] for line in lines if line["name"] == "clip-ViT-B-32"))

    card = next(card for card in MODELS if card.name == "clip-ViT-B-32")
    assert state() == "to be fetched"
    snapshot = tmp_path / "hub" / "models--sentence-transformers--clip-ViT-B-32" / "snapshots" / str(card.revision)
    (snapshot / card.weights).parent.mkdir(parents=True)
    (snapshot / card.weights).write_bytes(b"weights")
    assert state() == "to be fetched", "an unfinished download is not a model"
    (snapshot / card.weights).with_name("config.json").write_text("{}")
    assert state() == "cached"


@pytest.mark.parametrize("arguments", [["models"], ["status"], ["failures"]])
def test_looking_loads_no_model_library(arguments: list[str], data: Path) -> None:
    code = (
        f"import sys; from core.commands.{arguments[0]} import {arguments[0]} as command\n"
        "command(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    options = [] if arguments == ["models"] else ["--data", str(data)]
    done = subprocess.run(
        [sys.executable, "-c", code, *options], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == "[]\n"


def test_an_event_of_the_log_is_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "read failed reason=%s", ("a\nb",), None)
    assert OneLine("level=%(levelname)s event=%(message)s").format(record) == (
        r"level=INFO event=read failed reason=a\nb"
    )


def test_neither_the_log_nor_an_error_commands_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "ignored %s", ("\x1b[2J.txt",), None)
    assert OneLine("event=%(message)s").format(record) == r"event=ignored \x1b[2J.txt"
    monkeypatch.setattr(sys, "argv", ["bucketlens", "ingest", "\x1b[2J"])
    with pytest.raises(SystemExit, match="2"):
        bucketlens.cli.main()
    assert r"source \x1b[2J: No such file" in capsys.readouterr().err
    assert printable_lines("one\n  two\x07") == "one\n  two\\x07"
