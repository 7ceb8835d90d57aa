"""Every command of the README does what it says, in the order in which a newcomer would type it."""

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

import bucketlens.cli as command_line
from core.domain.model_catalog import find
from core.settings import Settings
from demo.scenes.scenes import write_pictures
from tests.support.model_folders import make_tiny_clip
from tests.support.processes.commands import ROOT, bucketlens, started
from tests.support.servers.qdrant_stub import QdrantStub, serving
from tests.support.servers.s3_server import ENVIRONMENT, s3_client
from tests.support.servers.web_server import WebServer, picture

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.S)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines()]
OWN = [line for line in COMMANDS if line.startswith("bucketlens ")]
CURL = [line for line in COMMANDS if line.startswith("curl ")]
DOCKER = [line for line in COMMANDS if line.startswith("docker compose ")]  # tests/infra asks Docker Compose of them
MAKE = [part for line in COMMANDS for part in line.split(" && ") if part.startswith("make ")]
BUCKET, STORE = "my-bucket", "http://localhost:9000"
QDRANT = "http://localhost:6333"
OTHER_MODEL = "clip-ViT-L-14"
# In six drawn pictures.
MAY_FIND_NOTHING = ("--not people", "--words-only", "--taken", "--prefix", "--filter", "--min-strength")
ELSEWHERE = {
    "git clone <this repository> bucketlens && cd bucketlens",
    "source .venv/bin/activate",
    "cp .env.example .env",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with pictures, and BucketLens set to use the models that are here."""
    home = tmp_path_factory.mktemp("home")
    pictures = list(write_pictures(home / "Pictures", 6, size=128))
    (home / "holiday.jpg").write_bytes(pictures[0].read_bytes())
    (home / "captions.csv").write_text(f"image,caption\n{pictures[1].name},our boat\n")
    vectors = np.random.default_rng(1).normal(size=(6, find("demo", "encoder").dimension)).astype("float32")  # type: ignore[union-attr]
    for n in range(2):
        np.save(home / f"batch_{n}.npy", vectors[3 * n : 3 * n + 3])
        (home / f"batch_{n}.txt").write_text("".join(f"{path.name}\n" for path in pictures[3 * n : 3 * n + 3]))
    urls = [f"https://example.org/{n}.jpg" for n in range(6)]
    pq.write_table(pa.table({"url": urls, "embedding": list(vectors)}), home / "vectors.parquet")
    make_tiny_clip(home / "other-model")
    with WebServer() as web:
        urls = [web.show(f"/{n}.png", picture("red", 60 + n), ETag=f'"{n}"') for n in range(3)]
        (home / "urls.tsv").write_text("".join(f"a red thing\t{url}\n" for url in urls))
        yield home


@pytest.fixture(scope="module")
def store(home: Path, s3_endpoint: str) -> str:
    """The address of a store with the bucket that is spoken of."""
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket=BUCKET)
    for path in (home / "Pictures").iterdir():
        client.put_object(Bucket=BUCKET, Key=f"photos/{path.name}", Body=path.read_bytes())
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
    return [here.get(word, os.path.expanduser(word)) for word in shlex.split(line)[1:]]


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
    assert {line for line in COMMANDS if line not in (*OWN, *MAKE, *CURL, *DOCKER)} == ELSEWHERE
    assert len(OWN) >= 8


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
        assert printed or any(sign in line for sign in MAY_FIND_NOTHING), line
    assert (home / "similar.png").stat().st_size > 1000


def test_the_python_shown_runs(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bucketlens("ingest", home / "Pictures", "--model", "demo", "--data", "photos", cwd=home, timeout=120)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    monkeypatch.chdir(home)
    exec(compile(block, "README.md", "exec"), {})
    *hits, last = capsys.readouterr().out.splitlines()
    assert len(hits) >= 6 and all("://" in hit for hit in hits)
    assert last.split()[0] in ("strong", "some", "none")


def test_make_knows_every_target() -> None:
    for line in MAKE:
        subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_the_table_lists_every_command() -> None:
    listed = re.findall(r"^\| `bucketlens (\w+)", README, re.M)
    assert sorted(listed) == sorted(command_line.commands.commands)


def test_the_settings_shown_are_valid() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.S)
    shown = tomllib.loads(block)
    assert Settings(**shown).batch_size == shown["batch_size"]
    assert find(shown["model"], "encoder") is not None


def test_what_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and all((ROOT / link).exists() for link in links)
