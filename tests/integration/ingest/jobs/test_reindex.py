"""A library of two models, one in use: made anew beside it, compared, switched, in a folder and on the stub."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import bucketlens.cli
from core.adapters.models.encoders import loader
from core.bootstrap import Container
from core.domain.filtering.filters import CAPTIONED, INDEXED
from core.domain.query import Query, TextTerm
from core.domain.result import SearchResult
from core.domain.vectors import Matrix
from core.errors import BucketLensError, ModelUnavailable, UsageError
from core.ports.encoders import Encoder, TextEncoding
from core.settings import load_settings
from ingest.pipeline import point_writer
from search_ui.library import live_library
from search_ui.library.live_library import LiveLibrary
from tests.support.fakes import COLOURS, ColourEncoder
from tests.support.servers.qdrant_stub import QdrantStub, serving


class TurnedEncoder(ColourEncoder):
    """The same likenesses in a space of its own, in which the other's vectors mean something else."""

    name = "turned"
    fingerprint = "turned-1"

    def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
        return super().encode_images(pixels)[:, ::-1].copy()

    def encode_texts(self, texts: Any) -> TextEncoding:
        encoding = super().encode_texts(texts)
        return TextEncoding(encoding.vectors[:, ::-1].copy(), encoding.truncated, encoding.unknown)


ENCODERS = {"colours": ColourEncoder, "turned": TurnedEncoder}
RED = Query((TextTerm("red"),), limit=6)


def load_fake(name: str, **_: object) -> Encoder:
    if name not in ENCODERS:
        raise ModelUnavailable(name, "it is none of the test's")
    return ENCODERS[name]()


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "load_encoder", load_fake)


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of a library of 22 pictures, captioned by people."""
    monkeypatch.chdir(tmp_path)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    lines = []
    for n, (name, colour) in enumerate([*COLOURS.items()] * 2):
        Image.new("RGB", (20 + n, 20), colour).save(pictures / f"{n:02d}.png")
        lines.append(f"{n:02d}.png,{name} number {n}\n")
    Path("captions.csv").write_text("image,caption\n" + "".join(lines))
    with serving(QdrantStub()) as url:
        if request.param == "server":
            monkeypatch.setenv("BUCKETLENS_QDRANT_URL", url)
        run("ingest", "pictures", "--model", "colours", "--captions", "captions.csv", "--no-captions")
        yield tmp_path


def run(*arguments: str) -> dict[str, Any]:
    ran = CliRunner().invoke(bucketlens.cli.commands, [*arguments, "--json"])
    if isinstance(ran.exception, BucketLensError):
        raise ran.exception
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def told(result: SearchResult) -> list[tuple[str, float | None]]:
    return [(hit.record.key, None if hit.score is None else round(hit.score, 4)) for hit in result.hits]


def answer() -> list[tuple[str, float | None]]:
    with Container(load_settings()) as container:
        return told(container.search.search(RED))


def test_another_model_is_made_beside_compared_switched_to_and_back(place: Path) -> None:
    before = answer()
    with pytest.raises(UsageError, match="reindex"):
        run("switch")
    report = run("reindex", "--model", "turned")
    assert (report["added"], report["captioned"], report["failed"]) == (22, 22, 0)
    assert run("status")["model"] == run("mirror", "status")["model"] == "colours" and answer() == before
    compared = run("compare")
    assert compared["models"] == ["colours", "turned"] and compared["questions"] == 22
    assert compared["figures"][0] == compared["figures"][1]
    again = run("reindex", "--model", "turned")
    assert (again["added"], again["skipped"], again["captioned"]) == (0, 22, 0)
    assert run("switch") == {"model": "turned", "before": "colours"}
    status = run("status")
    assert (status["model"], status["images"], status["captioned"]) == ("turned", 22, 22)
    assert run("mirror", "status")["model"] == "turned"
    assert answer() == before  # its own vectors, compared by its own model
    assert run("ingest", "pictures", "--no-captions")["skipped"] == 22
    assert run("switch", "--back")["model"] == "colours" and answer() == before
    assert run("switch", "--back")["model"] == "turned"
    with pytest.raises(UsageError, match="already"):
        run("reindex", "--model", "turned")


def test_what_is_not_complete_is_not_put_to_use(place: Path) -> None:
    with Container(load_settings()) as container, container.beside("turned") as other:
        ids = [record.id for record in container.index.scroll(CAPTIONED)]
        assert other.index.count() == 0 and len(ids) == 22
    with pytest.raises(UsageError, match="holds 0 pictures"):
        run("switch")
    assert run("status")["model"] == "colours"
    assert run("reindex", "--model", "turned")["added"] == 22
    run("switch")
    with Container(load_settings()) as container:
        captions = {record.key: record.caption for record in container.index.scroll(INDEXED)}
    assert captions["00.png"] == "red number 0" and len(captions) == 22


def test_making_it_anew_goes_on_where_it_was_cut_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(TurnedEncoder):
        encoded = 0

        def encode_images(self, pixels: NDArray[np.uint8]) -> Matrix:
            if Dying.encoded >= 8:
                raise ZeroDivisionError
            Dying.encoded += len(pixels)
            return super().encode_images(pixels)

    monkeypatch.setenv("BUCKETLENS_BATCH_SIZE", "4")
    monkeypatch.setitem(ENCODERS, "turned", Dying)
    monkeypatch.setattr(point_writer, "WRITE_SECONDS", 0.0)
    died = CliRunner().invoke(bucketlens.cli.commands, ["reindex", "--model", "turned"])
    assert isinstance(died.exception, ZeroDivisionError)
    monkeypatch.setitem(ENCODERS, "turned", TurnedEncoder)
    report = run("reindex", "--model", "turned")
    assert report["skipped"] > 0 and report["skipped"] + report["added"] == report["captioned"] == 22
    run("switch")
    assert run("status")["captioned"] == 22


def switched_under_load(clients: int, switches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients search all the time while the library is switched to and fro."""
    monkeypatch.setattr(live_library, "_CHECK_INTERVAL_S", 0.02)
    run("reindex", "--model", "turned")
    right = answer()
    wrong: list[object] = []
    asked = [0] * clients
    served = LiveLibrary(Container(load_settings()))
    stop = threading.Event()
    seen: set[str] = set()

    def search(number: int) -> None:
        while not stop.is_set():
            try:
                library = served.current()
                seen.add(library.index.info.model)
                if (found := told(library.service.search(RED))) != right:
                    wrong.append(found)
            except Exception as error:
                wrong.append(error)
            asked[number] += 1

    threads = [threading.Thread(target=search, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        models = ["turned", "colours"] * switches
        for model in models[:switches]:
            run("switch", "--model", model)
            _wait_for(served, model)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        served.close()
    assert wrong == [] and min(asked) > 0 and seen == {"colours", "turned"}


def _wait_for(served: LiveLibrary, model: str) -> None:
    for _ in range(600):
        if served.current().index.info.model == model:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{model} is not searched after 30 s")


def test_who_searches_meanwhile_is_always_answered_by_one_model(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switched_under_load(4, 2, monkeypatch)


@pytest.mark.soak
def test_twenty_clients_never_see_a_failed_or_a_mixed_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switched_under_load(20, 12, monkeypatch)
