"""Every command of the README and of docs/ does what it says, in the order in which a newcomer would type it."""

import os
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.domain.model_catalog import find
from core.settings import Settings
from demo.scenes.sample_library import write_pictures
from infra.reference.cli import named_commands
from tests.e2e.ingest.test_shards import write_img2dataset_shard
from tests.support.metadata.blocks import bag, exif_block, xmp_packet
from tests.support.model_folders import make_tiny_blip_vqa, make_tiny_clip
from tests.support.models.onnx_folders import make_onnx_folder
from tests.support.pages import README, ROOT, Block, anchors, blocks, commands, read_order
from tests.support.processes.commands import bucketlens, started
from tests.support.servers.qdrant_stub import QdrantStub, serving
from tests.support.servers.s3_server import ENVIRONMENT, s3_client
from tests.support.servers.web_server import WebServer, picture

COMMANDS = commands()
OWN = [line for line in COMMANDS if line.startswith("bucketlens ")]
CURL = [line for line in COMMANDS if line.startswith("curl ")]
DOCKER = [line for line in COMMANDS if line.startswith("docker compose ")]  # tests/infra asks Docker Compose of them
MAKE = [part for line in COMMANDS for part in line.split(" && ") if part.startswith("make ")]
BUCKET, STORE = "my-bucket", "http://localhost:9000"
QDRANT = "http://localhost:6333"
OTHER_MODEL, ANSWERER = "clip-ViT-L-14", "blip-vqa-base"
# In six drawn pictures; and none of them fails.
MAY_PRINT_NOTHING = ("--not people", "--words-only", "--taken", "--prefix", "--filter", "--min-strength", "failures")
NOT_RUN = {
    "git clone <this repository> bucketlens && cd bucketlens": "the repository is here",
    "source .venv/bin/activate": "a shell's own; the tests run in that environment",
    "cp .env.example .env": "tests/infra makes such a file and starts from it",
    "python -m tests.bench.measure_gpu --json gpu.json": "tests/infra runs it small",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with pictures, and BucketLens set to use the models that are here."""
    home = tmp_path_factory.mktemp("home")
    pictures = list(write_pictures(home / "Pictures", 6, size=128))
    tell_of_itself(pictures[2])
    take_at(pictures[3], "2023:05:01 12:00:00", ("N", 38, 43), ("W", 9, 8))  # Lisbon
    take_at(pictures[4], "2024:05:01 12:00:00", ("N", 37, 58), ("E", 23, 43))  # Athens
    (home / "holiday.jpg").write_bytes(pictures[0].read_bytes())
    (home / "captions.csv").write_text(f"image,caption\n{pictures[1].name},our boat\n")
    vectors = np.random.default_rng(1).normal(size=(6, find("demo", "encoder").dimension)).astype("float32")  # type: ignore[union-attr]
    for n in range(2):
        np.save(home / f"batch_{n}.npy", vectors[3 * n : 3 * n + 3])
        (home / f"batch_{n}.txt").write_text("".join(f"{path.name}\n" for path in pictures[3 * n : 3 * n + 3]))
    urls = [f"https://example.org/{n}.jpg" for n in range(6)]
    pq.write_table(pa.table({"url": urls, "embedding": list(vectors)}), home / "vectors.parquet")
    for folder in ("metadata", "img_emb"):  # as clip-retrieval writes them
        (home / "embeddings" / folder).mkdir(parents=True)
    names = pa.table({"image_path": [path.name for path in pictures]})
    pq.write_table(names, home / "embeddings/metadata/metadata_0.parquet")
    np.save(home / "embeddings/img_emb/img_emb_0.npy", vectors)
    make_tiny_clip(home / "other-model")
    make_onnx_folder(home / "immich/clip/ViT-B-16-SigLIP2__webli", "siglip2")
    make_tiny_blip_vqa(home / "answerer", seed=7)
    (home / "laion").mkdir()
    for n in range(4):
        write_img2dataset_shard(home / "laion", n, 1)
    with WebServer() as web:
        urls = [web.show(f"/{n}.png", picture("red", 60 + n), ETag=f'"{n}"') for n in range(3)]
        (home / "urls.tsv").write_text("".join(f"a red thing\t{url}\n" for url in urls))
        yield home


def tell_of_itself(path: Path) -> None:
    """Write into a picture what the commands of the pages about metadata ask for."""
    with Image.open(path) as opened:
        image = opened.copy()
    told = exif_block(
        {0x010F: "Canon", 0x0110: "Canon EOS R5", 0x4746: 5},
        {0x9003: "2019:07:14 12:00:00"},
        {1: "N", 2: ((48, 1), (8, 1), (14, 1)), 3: "E", 4: ((11, 1), (34, 1), (30, 1))},
    )
    words = xmp_packet(bag("dc:subject", "summer holiday"), bag("Iptc4xmpExt:PersonInImage", "Anna Smith"))
    image.save(path, "JPEG", quality=90, exif=b"Exif\0\0" + told, xmp=words)


def take_at(path: Path, time: str, latitude: tuple[str, int, int], longitude: tuple[str, int, int]) -> None:
    """Write into a picture when and where it was taken: a time of EXIF, and degrees with minutes."""
    position = {}
    for tag, (side, degrees, minutes) in ((1, latitude), (3, longitude)):
        position |= {tag: side, tag + 1: ((degrees, 1), (minutes, 1), (0, 1))}
    with Image.open(path) as opened:
        image = opened.copy()
    image.save(path, "JPEG", quality=90, exif=b"Exif\0\0" + exif_block({}, {0x9003: time}, position))


@pytest.fixture(scope="module")
def store(home: Path, s3_endpoint: str) -> str:
    """The address of a store with the bucket that is spoken of."""
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket=BUCKET)
    for path in (home / "Pictures").iterdir():
        client.put_object(Bucket=BUCKET, Key=f"photos/{path.name}", Body=path.read_bytes())
    for path in (home / "laion").glob("*.tar"):
        client.put_object(Bucket=BUCKET, Key=f"laion/{path.name}", Body=path.read_bytes())
    return s3_endpoint


@pytest.fixture(scope="module")
def qdrant() -> Iterator[str]:
    """The address of what stands in for a Qdrant server."""
    with serving(QdrantStub()) as address:
        yield address


def settings(home: Path, store: str) -> dict[str, str]:
    given = {"HOME": str(home), "BUCKETLENS_MODEL": "demo", "BUCKETLENS_CAPTIONER": "demo"}
    given |= {"BUCKETLENS_LIST_ALLOW_PRIVATE": "1"}
    return given | ENVIRONMENT | {"BUCKETLENS_S3_ENDPOINT_URL": store}


def words_of(line: str, home: Path, store: str, qdrant: str) -> list[str]:
    here = {"~/Pictures": str(home / "Pictures"), STORE: store, QDRANT: qdrant, OTHER_MODEL: str(home / "other-model")}
    here |= {ANSWERER: str(home / "answerer")}
    here |= {"9108": "0"}  # ports that are free, here too
    words = [here.get(word, os.path.expanduser(word)) for word in shlex.split(line)[1:]]
    return [*words, "--port", "0"] if words[0] == "ui" else words


def ask_to_end(command: list[str], home: Path) -> tuple[int, str]:
    """Runs what goes on until it is asked to end; asks it as soon as it says that it works."""
    with started(*command, cwd=home) as process:
        try:
            first = process.stdout.readline()
            assert ("BucketLens is at http://" if command[0] == "ui" else " added, ") in first
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.wait(), first + rest


def test_every_line_of_a_console_block_is_tested() -> None:
    # the lines of curl where a server is asked, in test_api_command
    assert {line for line in COMMANDS if line not in (*OWN, *MAKE, *CURL, *DOCKER)} == NOT_RUN.keys()
    assert len(OWN) >= 60


def test_every_command_runs(home: Path, store: str, qdrant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings(home, store).items():
        monkeypatch.setenv(name, value)
    for line in OWN:
        command = words_of(line, home, store, qdrant)
        if command[0] == "ui" or {"--every", "--watch"} & set(command):
            code, printed = ask_to_end(command, home)
        else:
            ran = bucketlens(*command, cwd=home, timeout=120)
            code, printed = ran.returncode, ran.stdout
        assert code == 0, f"{line}: exit {code}"
        assert printed or any(sign in line for sign in MAY_PRINT_NOTHING), line
    assert (home / "similar.png").stat().st_size > 1000


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.page.name)
def test_the_python_shown_runs(
    block: Block, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    models = ["--model", "demo", "--captioner", "demo"]
    ran = bucketlens("ingest", home / "Pictures", *models, "--data", "photos", cwd=home, timeout=120)
    assert ran.returncode == 0
    exec(compile(block.text, block.page.name, "exec"), {})
    *hits, last = capsys.readouterr().out.splitlines()
    assert len(hits) >= 6 and all("://" in hit for hit in hits)
    assert last.split()[0] in ("strong", "some", "none")


def test_make_knows_every_target() -> None:
    for line in MAKE:
        subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.page.name)
def test_the_settings_shown_are_valid(block: Block) -> None:
    shown = tomllib.loads(block.text)
    assert Settings(**shown).model_fields_set
    assert find(shown.get("model", "demo"), "encoder") is not None


def test_every_command_and_option_in_a_sentence_exists() -> None:
    known = {name.split(" ", 1)[1]: command for name, command in named_commands()}
    options = {name: {each for option in command.params for each in option.opts} for name, command in known.items()}
    found = 0
    for page in read_order():
        for typed in re.findall(r"(?<!`)`bucketlens ([^`\n]+)`(?!`)", page.read_text()):
            words = typed.split()
            name = next((part for part in (" ".join(words[:2]), words[0]) if part in known), None)
            assert name, f"{page.name}: bucketlens {typed}"
            given = {word for word in words if word.startswith("--")}
            assert given <= options[name] | {"--help"}, f"{page.name}: bucketlens {typed}"
            found += 1
    assert found > 20


def test_every_file_and_module_that_is_named_is_there() -> None:
    for page in read_order():
        if "decisions" in page.parts:
            continue  # tests/test_house_rules.py looks at these
        text = page.read_text()
        paths = re.findall(r"`((?:core|ingest|search_ui|demo|infra|tests)/[\w./-]*)`", text)
        paths += [f"{name.replace('.', '/')}.py" for name in re.findall(r"python -m ((?:demo|infra)[\w.]+)", text)]
        assert [path for path in paths if not (ROOT / path).exists()] == [], page.name


def test_what_the_readme_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README.read_text()) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(ROOT / path), link


def test_every_page_is_one_click_from_the_readme_or_the_index() -> None:
    index, decisions = ROOT / "docs" / "index.md", ROOT / "docs" / "decisions" / "index.md"
    linked = README.read_text() + index.read_text()
    for page in read_order()[2:]:
        if page.parent == decisions.parent and page != decisions:
            continue
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f"{name})" in linked or f"{name}#" in linked, name
