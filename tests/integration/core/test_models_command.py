"""`bucketlens models` and its own commands, over a hub on loopback."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save

from bucketlens.cli import commands
from core.commands.hints import render_message
from core.domain.model_catalog import find
from core.errors import BucketLensError
from core.evaluation.speed import make_pictures
from tests.support.model_folders import make_tiny_blip_vqa, make_tiny_captioner, make_tiny_clip
from tests.support.servers.hub_stub import COMMIT, HubStub, serving_hub

REPOSITORY = "google/siglip2-base-patch16-224"
FILES = {
    "config.json": b'{"model_type": "siglip"}',
    "model.safetensors": save({"a": np.arange(5000, dtype=np.float32)}),
}
Run = Callable[..., Result]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStub]:
    from huggingface_hub import constants

    with serving_hub({REPOSITORY: FILES}) as stub:
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        template = stub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
        yield stub


@pytest.fixture
def run(hub: HubStub) -> Run:
    def call(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(commands, ["models", *arguments])
        if isinstance(result.exception, BucketLensError):  # bucketlens.cli.main prints it, and ends with its code
            assert result.exception.exit_code == code
        else:
            assert result.exit_code == code, result.output
        return result

    return call


def _row(run: Run, name: str) -> dict[str, object]:
    rows = json.loads(run("--json").stdout)["models"]
    found: dict[str, object] = next(row for row in rows if row["name"] == name)
    return found


def test_a_model_is_fetched_found_and_verified(run: Run, tmp_path: Path) -> None:
    before = _row(run, "siglip2-base")
    assert (before["state"], before["bytes_on_disk"], before["folder"]) == ("to be fetched", 0, None)
    assert before["bytes_to_fetch"] == 1_535_000_000 and before["commit"] is None
    assert "revision not pinned: recorded at fetch" in run("--search", "siglip2-base").stdout

    assert f"encoder siglip2-base is here: 0 MB in {tmp_path}" in run("fetch", "siglip2-base").stdout
    row = _row(run, "siglip2-base")
    folder = Path(str(row["folder"]))
    assert (row["state"], row["commit"]) == ("cached", COMMIT) and folder.is_dir()
    assert row["bytes_on_disk"] == sum(map(len, FILES.values()))
    assert f"commit {COMMIT}" in run("--search", "siglip2-base").stdout
    assert "siglip2-base: sound, compared with what was recorded" in run("verify", "siglip2-base").stdout

    (folder / "config.json").resolve().write_bytes(b"{}" + b" " * (len(FILES["config.json"]) - 2))
    (folder / "model.safetensors").unlink()
    (folder / "extra.py").write_text("")
    told = json.loads(run("verify", "--json", code=1).stdout)
    states = {file["path"]: file["state"] for one in told["models"] for file in one["files"] if file["state"] != "ok"}
    assert states == {"config.json": "changed", "model.safetensors": "missing", "extra.py": "forbidden"}
    assert told["sound"] is False and "models fetch NAME" in run("verify", "siglip2-base", code=1).stderr
    (folder / "extra.py").unlink()
    run("fetch", "siglip2-base")
    run("verify", "siglip2-base")


def test_what_people_choose_by_is_told(run: Run) -> None:
    row = _row(run, "ViT-B-16-SigLIP2__webli")
    assert row["languages"] == "multilingual: 109, mostly English" and row["licence"] == "Apache-2.0"
    assert (row["dimension"], row["input_px"], row["parameters"], row["runtime"]) == (768, 224, 375_187_970, "onnx")
    recall = row["recall"]
    assert isinstance(recall, dict) and "75.2 %" in recall["figures"] and "Immich" in recall["source"]
    assert _row(run, "clip-ViT-B-32-multilingual-v1")["recall"] is None, "no figure is better than a made-up one"


def test_a_search_leaves_the_rest_out(run: Run) -> None:
    names = [row["name"] for row in json.loads(run("--search", "siglip", "--json").stdout)["models"]]
    assert len(names) == 4 and all("siglip" in name.lower() for name in names)
    assert "captioners" not in run("--search", "siglip").stdout
    nothing = run("--search", "no-such-word")
    assert nothing.stdout == "" and "no model of the table" in nothing.stderr


def test_fetching_what_nobody_knows_is_refused(run: Run) -> None:
    told = run("fetch", "no-such-model", code=2)
    assert "there is no model 'no-such-model' in the table (clip-ViT-B-32" in str(told.exception)
    assert "is no folder" in str(run("verify", "~nobody-of-this-name/model", code=2).exception)
    told = run("verify", "no-such-model", code=2)
    assert "is no folder, and no model of the table" in str(told.exception)
    for command in ("verify", "measure"):
        told = run(command, "siglip2-base", code=1)
        assert isinstance(told.exception, BucketLensError)
        assert "`bucketlens models fetch siglip2-base`" in render_message(told.exception)


def test_without_a_name_the_models_of_the_settings_are_fetched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETLENS_MODEL", "demo")
    told = json.loads(run("fetch", "--json").stdout)["models"]
    assert [(one["role"], one["name"]) for one in told] == [("encoder", "demo"), ("captioner", "demo")]
    monkeypatch.setenv("BUCKETLENS_ANSWERER", "no-such-model")
    assert "no answerer of the table (blip-vqa-base" in str(run("fetch", code=2).exception)
    monkeypatch.setenv("BUCKETLENS_CAPTIONER", "no-such-model")
    assert "no captioner of the table" in str(run("fetch", code=2).exception)


def test_a_model_of_two_roles_is_verified_once(run: Run, tmp_path: Path) -> None:
    card = find("blip2", "answerer")
    assert card is not None and card.revision is not None
    folder = tmp_path / "hub/models--Salesforce--blip2-opt-2.7b/snapshots" / card.revision
    folder.mkdir(parents=True)
    for arguments in (["blip2"], []):
        told = json.loads(run("verify", *arguments, "--json", code=1).stdout)["models"]
        assert [one["folder"] for one in told if one["name"] == "blip2"] == [str(folder)]


def test_the_shipped_models_are_as_they_were_recorded(run: Run) -> None:
    told = json.loads(run("verify", "demo", "--json").stdout)
    assert [(one["sound"], bool(one["compared_with"])) for one in told["models"]] == [(True, True)] * 2


def test_a_folder_of_one_s_own_is_recorded_and_verified(run: Run, tmp_path: Path) -> None:
    folder = make_tiny_clip(tmp_path / "mine")
    assert "no flaw found, nothing is on record" in run("verify", str(folder)).stdout
    assert "sound, compared with" in run("verify", str(folder), "--record").stdout
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert "changed    config.json" in run("verify", str(folder), code=1).stdout
    assert "models fetch" not in run("verify", str(folder), code=1).stderr, "it is in no table"
    assert "models of the table" in str(run("verify", "demo", "--record", code=2).exception)


def test_a_folder_without_weights_is_not_sound(run: Run, tmp_path: Path) -> None:
    assert "no weights in safetensors or ONNX" in run("verify", str(tmp_path), code=1).stdout


def test_a_measured_speed_is_kept_for_this_machine_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _row(run, "demo")["speed"] is None
    told = json.loads(run("measure", "demo", "--role", "encoder", "--seconds", "0.1", "--json").stdout)
    speed = _row(run, "demo")["speed"]
    assert isinstance(speed, dict) and speed["model_per_s"] == told["model_per_s"] > 0
    assert 0 < speed["whole_per_s"] and speed["batch"] == 32 and speed["measured"]
    assert "measured here: " in run("--search", "demo encoder").stdout
    assert (tmp_path / "bucketlens-speeds.json").is_file()
    monkeypatch.setattr("core.adapters.models.files.machine_file._processor", lambda: "another processor")
    assert _row(run, "demo")["speed"] is None
    monkeypatch.undo()


def test_a_folder_of_pictures_is_measured_by_its_files_alone(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "album.jpg").mkdir(parents=True)
    arguments = ("measure", "demo", "--role", "encoder", "--seconds", "0.1", "--pictures", str(folder))
    assert "holds no picture" in str(run(*arguments, code=2).exception)
    (folder / "album.jpg" / "a.jpg").write_bytes(make_pictures(1)[0])
    assert "pictures/s" in run(*arguments).stdout


def test_a_folder_is_measured_as_what_its_files_are(run: Run, tmp_path: Path) -> None:
    captioner = make_tiny_captioner(tmp_path / "clip")
    assert json.loads(run("measure", str(captioner), "--seconds", "0.1", "--json").stdout)["role"] == "captioner"
    answerer = make_tiny_blip_vqa(tmp_path / "vqa")
    assert "neither encoder nor captioner" in str(run("measure", str(answerer), code=2).exception)


def test_speeds_that_are_damaged_count_as_none(run: Run, tmp_path: Path) -> None:
    for content in ("{", "[]", '{"x": 1}'):
        (tmp_path / "bucketlens-speeds.json").write_text(content)
        assert _row(run, "demo")["speed"] is None
