"""A folder in ONNX through the command line: found by its path, and without torch in any process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.scenes.sample_library import write_pictures
from tests.support.models.onnx_folders import make_onnx_folder
from tests.support.processes.commands import environment

# Every process of the run, decode workers too, notes and refuses the import of what must not be needed.
REFUSE = """
import os, sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers", "sentence_transformers", "open_clip"):
            with open(os.environ["IMPORTED"], "a") as log:
                print(name, sys.argv, file=log)
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Refusal())
"""

RUN = """
import contextlib, io, json, os, sys
from bucketlens.cli import main

done = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["bucketlens", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code
    done.append([code or 0, out.getvalue(), err.getvalue()])
heavy = [name for name in ("torch", "transformers", "sentence_transformers", "open_clip") if name in sys.modules]
print(json.dumps([done, heavy, "onnxruntime" in sys.modules]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn pictures, and two models as they lie in Immich's cache: one by its folder, one by a revision."""
    home = tmp_path_factory.mktemp("onnx")
    list(write_pictures(home / "pictures", 12, size=96))
    make_onnx_folder(home / "clip/ViT-B-16__openai", "vit-b-16", external="many files")
    make_onnx_folder(home / "clip/RN50__openai/0123abc", "rn50", batch=None, seed=1)
    (home / "guard").mkdir()
    (home / "guard/sitecustomize.py").write_text(REFUSE)
    return home


def _run(home: Path, *commands: list[str]) -> list[tuple[int, str, str]]:
    imported = home / "imported.txt"
    env = environment()
    env |= {"IMPORTED": str(imported), "PYTHONPATH": f"{home / 'guard'}:{env['PYTHONPATH']}"}
    command = [sys.executable, "-c", RUN, json.dumps(commands)]
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    results, heavy, ran = json.loads(done.stdout)
    assert (heavy, ran) == ([], True)
    assert not imported.exists(), imported.read_text()
    return [(code, out, err) for code, out, err in results]


def test_a_library_lives_without_torch_in_the_process(home: Path) -> None:
    data = ["--data", "data"]
    first = "pictures/demo-00003.jpg"
    results = _run(
        home,
        ["ingest", "pictures", "--model", "clip/ViT-B-16__openai", "--no-captions", *data],
        ["search", "a red car", "--limit", "3", "--json", *data],
        ["search", "--image", first, "--limit", "3", "--json", *data],
        ["search", "--image", first, "--limit", "3", "--json", "--offline", *data],
        ["reindex", "--model", "clip/RN50__openai", *data],
        ["switch", *data],
        ["search", "--image", first, "--limit", "3", "--json", *data],
        ["search", "a red car", "--limit", "3", "--json", "--offline", *data],
        ["status", "--json", *data],
        ["ingest", "pictures", "--no-captions", *data],
    )
    for code, out, err in results:
        assert code == 0, err + out
    found = [json.loads(out) if out.startswith("{") else out for _, out, _ in results]
    assert "12 added" in found[0] and "12 added" in found[4] and "12 unchanged" in found[9]
    assert len(found[1]["hits"]) == 3
    assert found[2]["hits"][0]["key"] == "demo-00003.jpg"
    assert (found[2]["degraded"], found[3]["degraded"]) == (False, True)
    assert [hit["id"] for hit in found[3]["hits"]] == [hit["id"] for hit in found[2]["hits"]]
    assert found[6]["hits"][0]["id"] == found[2]["hits"][0]["id"]
    assert len(found[7]["hits"]) == 3


def test_a_model_whose_weights_changed_is_refused(home: Path) -> None:
    tower = home / "clip/RN50__openai/0123abc/visual/model.onnx"
    whole = tower.read_bytes()
    tower.write_bytes(whole.replace(b"pytorch", b"pyTorch", 1))
    (changed,) = _run(home, ["search", "red", "--data", "data"])
    assert changed[0] != 0 and "not those that this library was built with" in changed[2]
