"""Ingest beside what people would run instead: the whole commands, with random ViT-B/32 weights of the real size.

A rate leaves out the start: each command runs over a folder of a few pictures too, which is taken away. BENCH_CPU=1
counts seconds of CPU, of two cores, in place of those of the clock: on a busy machine only these say anything.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from core.adapters.local.process import count_cores
from core.bootstrap import Container
from core.domain.ids import point_id
from core.domain.image import ImageRecord
from core.ports.vector_index import Point
from core.settings import load_settings
from tests.support.benchmark import ROOT, RUNS, Row, in_turn, record
from tests.support.model_folders import make_vit_b_32

pytestmark = pytest.mark.bench

PICTURES = int(os.environ.get("BENCH_PICTURES", "200"))
LARGE_PICTURES = int(os.environ.get("BENCH_LARGE_PICTURES", "60"))
FILES = int(os.environ.get("BENCH_FILES", "100000"))
FEW = 8  # pictures of the folder that stands for the start of a command
BY_CPU = os.environ.get("BENCH_CPU") == "1"
GROUP = "ingest, CPU of all cores" if BY_CPU else "ingest"
LIMITS = {  # what is wanted beside `encode`, and beside rclip
    "1280 × 960, full": ("1.5 ×", "2 ×"),
    "1280 × 960, int8": ("2.5 ×", "3 ×"),
    "12 MP, full": ("", "3 ×"),
}
SIZES = {"1280 × 960": (1280, 960), "12 MP": (4000, 3000)}
PEERS = ROOT / "build" / "peers"
RCLIP = "rclip==4.0.8"

_ENCODE = """
import sys
from pathlib import Path
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", model_kwargs={"dtype": getattr(torch, sys.argv[3])})
model.encode([Image.open(path) for path in sorted(Path(sys.argv[2]).iterdir())], batch_size=32)
"""
# Indexes as `rclip QUERY` does, and asks nothing: the tokenizer's vocabulary is not among what can be made here.
_RCLIP = """
import os, sys
os.chdir(sys.argv[1])
from rclip.main import init_rclip
rclip, model, db = init_rclip(
    working_directory=os.getcwd(), indexing_batch_size=8, exclude_dir=None, no_indexing=False, enable_raw_support=False,
)
rclip.close(), model.close(), db.close()
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of a whole command: of the clock, and of CPU in all of its processes."""

    wall: float
    cpu: float

    @property
    def seconds(self) -> float:
        return self.cpu / count_cores() if BY_CPU else self.wall


@dataclass(frozen=True, slots=True)
class Case:
    """Folders of many and of a few pictures of one size, to be ingested at one precision."""

    name: str
    precision: str
    many: Path
    few: Path
    count: int
    data: Path
    model: Path

    def rate(self, run: Callable[[Path], Taken]) -> float:
        """Pictures a second, without the start of the command."""
        return (self.count - FEW) / max(1e-9, run(self.many).seconds - run(self.few).seconds)

    def ours(self) -> float:
        return self.rate(lambda folder: ingest(folder, self.data, self.model, self.precision))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vit_b_32(tmp_path_factory.mktemp("model") / "vit-b-32")


@pytest.fixture(scope="module")
def rclip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    prepared = prepare_rclip(tmp_path_factory.mktemp("rclip"))
    if prepared is None:
        pytest.skip("rclip 4 takes Python 3.12 or 3.13, and there is none")
    return prepared


@pytest.fixture(params=["1280 × 960, full", "1280 × 960, int8", "12 MP, full"])
def case(request: pytest.FixtureRequest, tmp_path: Path, model: Path) -> Case:
    size, precision = request.param.split(", ")
    count = PICTURES if size == "1280 × 960" else LARGE_PICTURES
    made = Case(request.param, precision, tmp_path / "many", tmp_path / "few", count, tmp_path / "data", model)
    make_pictures(made.many, SIZES[size], count)
    make_pictures(made.few, SIZES[size], FEW)
    # the choice of the fastest runtime is made once a machine
    run_command("bucketlens", "models", "measure", model, environment={"BUCKETLENS_PRECISION": precision})
    return made


def test_ingest_beside_sentence_transformers(case: Case) -> None:
    def theirs() -> float:
        kinds = ("float32", "bfloat16")
        return max(case.rate(lambda folder, kind=kind: encode(folder, case.model, kind)) for kind in kinds)

    ours, encoded = in_turn(case.ours, theirs)
    record(Row(GROUP, case.name, "1/s", ours, "SentenceTransformer.encode, batch 32", encoded, LIMITS[case.name][0]))


def test_ingest_beside_rclip(case: Case, rclip: tuple[Path, Path]) -> None:
    ours, theirs = in_turn(case.ours, lambda: case.rate(lambda folder: index_with_rclip(folder, *rclip)))
    record(Row(GROUP, f"{case.name}, beside rclip", "1/s", ours, RCLIP, theirs, LIMITS[case.name][1]))


def test_second_run(tmp_path: Path) -> None:
    """What an unchanged file costs, in CPU: a run over all of them without that over a folder of one."""
    folders = {count: make_known_folder(tmp_path / str(count), count) for count in (1, FILES)}
    for name, options in (("unchanged file", ()), ("unchanged file, dry run", ("--dry-run",))):

        def measure(options: tuple[str, ...] = options) -> float:
            taken = [ingest_again(*folders[count], *options).cpu for count in (FILES, 1)]
            return (taken[0] - taken[1]) / (FILES - 1) * 1e6

        measure()  # the first notes which state of the library its mirror has
        record(Row("second run", name, "µs", tuple(measure() for _ in range(3)), limit="15 µs"))


def test_start_of_commands(model: Path, tmp_path: Path) -> None:
    """What a command costs that does little: `search` has a text tower of the real size, which an ingest kept."""
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    make_pictures(pictures, (640, 480), FEW)
    run_command("bucketlens", "ingest", pictures, "--data", data, "--model", model, "--no-captions")
    for work, limit, arguments in (
        ("--help", "0.3 s", ["--help"]),
        ("status of a small library", "0.6 s", ["status", "--data", data]),
        ("search TEXT with ViT-B/32", "1.6 s", ["search", "a red car", "--data", data]),
    ):
        run_command("bucketlens", *arguments)
        taken = tuple(run_command("bucketlens", *arguments).cpu for _ in range(max(3, RUNS)))
        record(Row("start, CPU of the process", work, "s", taken, limit=limit))


def ingest(folder: Path, data: Path, model: Path, precision: str) -> Taken:
    shutil.rmtree(data, ignore_errors=True)
    options = ("--data", data, "--model", model, "--no-captions")
    return run_command("bucketlens", "ingest", folder, *options, environment={"BUCKETLENS_PRECISION": precision})


def ingest_again(pictures: Path, data: Path, *options: str) -> Taken:
    return run_command("bucketlens", "ingest", pictures, "--data", data, "--no-captions", *options)


def encode(folder: Path, model: Path, kind: str) -> Taken:
    return run([sys.executable, "-c", _ENCODE, str(model), str(folder), kind])


def index_with_rclip(folder: Path, python: Path, data: Path) -> Taken:
    (data / "db.sqlite3").unlink(missing_ok=True)
    return run([str(python), "-c", _RCLIP, str(folder)], {"RCLIP_DATADIR": str(data)})


def run_command(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Taken:
    return run([sys.executable, "-m", module, *map(str, arguments)], environment)


def run(command: list[str], environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command to its end, and count it with all of its children."""
    began = time.perf_counter()
    whole = {**os.environ, **(environment or {})}
    whole.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as on a user's machine
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=whole, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()
    assert process.returncode == 0, said.decode(errors="replace")[-2000:]
    return Taken(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)


def make_pictures(folder: Path, size: tuple[int, int], count: int) -> None:
    """Make JPEGs of noise on gradients, of as many bytes as photographs of their size have. A few are repeated.

    Those that repeat the pixels of another have other bytes, so that nothing is reused.
    """
    folder.mkdir()
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    drawn: list[bytes] = []
    for number in range(min(count, FEW)):
        dice = np.random.default_rng(number)
        waves = [np.sin(x / width * dice.uniform(1, 6) + y / height * dice.uniform(1, 6)) for _ in range(3)]
        coarse = dice.normal(128, 40, (height // 4, width // 4, 3)).clip(0, 255).astype(np.uint8)
        grain = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float32) - 128
        shown = np.stack(waves, -1) * 90 + 128 + grain * 0.7 + dice.normal(0, 3, (height, width, 1))
        path = folder / "drawn.jpg"
        Image.fromarray(shown.clip(0, 255).astype(np.uint8)).save(path, quality=88)
        drawn.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(drawn[number % len(drawn)] + f"{number:05}".encode())


def make_known_folder(folder: Path, count: int) -> tuple[Path, Path]:
    """Make a folder of links to one picture, and a library that knows all of them. Return pictures and data."""
    pictures, data = folder / "pictures", folder / "data"
    pictures.mkdir(parents=True)
    for number in range(count):
        if number % 1000 == 0:
            (place := pictures / f"{number // 1000:05}").mkdir()
        if number % 30_000 == 0:  # a file has only so many links
            Image.new("RGB", (8, 8)).save(one := folder / f"{number}.jpg")
        os.link(one, place / f"IMG_{number:07}.jpg")
    dice, now = np.random.default_rng(0), datetime.now(UTC)
    with Container(load_settings(data=data, model="demo")) as container:
        index, store = container.create_index(), container.sources.open(str(pictures))
        known = ImageRecord("", "", "", "", "", 0, now, now, "indexed", index.info.fingerprint, width=8, height=8)
        points: list[Point] = []
        for ref in store.list():
            vector = dice.normal(size=index.info.dimension).astype(np.float32)
            record = replace(known, id=point_id(ref.source, ref.key), source=ref.source, key=ref.key, uri=ref.uri)
            record = replace(record, etag=ref.etag, bytes=ref.bytes, modified_at=ref.modified_at)
            points.append(Point(record.with_words(), vector / np.linalg.norm(vector)))
        index.upsert(points)
    return pictures, data


def prepare_rclip(data: Path) -> tuple[Path, Path] | None:
    """Install rclip, and give it random weights of its own architecture. Return its Python, and its folder.

    None where there is no Python that it runs on.
    """
    python = PEERS / "rclip" / "bin" / "python"
    if not python.is_file():
        made = any(
            shutil.which(name)
            and not subprocess.run([name, "-m", "venv", PEERS / "rclip"], check=False, capture_output=True).returncode
            for name in ("python3.13", "python3.12")
        )
        if not made:
            return None
        subprocess.run([python, "-m", "pip", "install", "--quiet", RCLIP], check=True)
    towers = data / "ViT-B-32-256-datacomp_s34b_b86k"
    towers.mkdir(parents=True)
    torch.manual_seed(0)
    vision = CLIPVisionModelWithProjection(CLIPVisionConfig(image_size=256, patch_size=32, projection_dim=512)).eval()

    class Tower(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return vision(pixel_values=pixels).image_embeds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, of itself and of what it traces
        torch.onnx.export(
            Tower(),
            (torch.zeros(2, 3, 256, 256),),
            towers / "visual.onnx",
            input_names=["pixels"],
            output_names=["embedding"],
            dynamic_axes={"pixels": {0: "batch"}},
            dynamo=False,
        )
    (data / "tokenizer").mkdir()
    for name in ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md"):
        (data / name).touch()
    (towers / "textual.onnx").touch()
    (data / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz").touch()
    return python, data
