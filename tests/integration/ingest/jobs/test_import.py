"""Vectors from .npy, .pt and Parquet files become images; what cannot be used is told of with file and row."""

import json
import math
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import torch
from PIL import Image

from core.adapters.decoding.pool import DecodeWorkers
from core.adapters.stores.folder import FolderStore
from core.adapters.stores.imported import ImportedStore
from core.adapters.stores.s3 import S3Store
from core.adapters.url_list.store import ListStore
from core.adapters.vector_files.reader import find_vector_files, read_vectors
from core.domain.filtering.conditions import Match
from core.domain.filtering.filters import INDEXED, Filter, caption_words
from core.domain.image import UNREAD_ETAG, ImageRecord
from core.domain.vectors import unit
from core.imaging.decode_request import ImageLimits
from core.ports.image_store import Nameable
from core.settings import load_settings
from ingest.jobs.import_vectors import VectorImport
from ingest.pipeline import run_context
from ingest.telemetry.report import Report
from tests.integration.ingest.pipeline.test_ingest import World
from tests.support.fakes import ColourEncoder

D = ColourEncoder.dimension


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=2) as workers:
        yield workers


class ImportWorld(World):
    def bring(self, *files: Path, names: Path | None = None, store: Nameable | None = None) -> Report:
        report = Report()
        given = VectorImport(
            self.parts(self.options()),
            ImportedStore.of if store is None else lambda _: store,
            lambda path: read_vectors(path, names, D, 4),
            report,
        )
        for _ in given.run(files):
            pass
        return report

    def by_key(self) -> dict[str, ImageRecord]:
        return {record.key: record for record in self.index.scroll()}


@pytest.fixture
def world(tmp_path: Path, decoder: DecodeWorkers) -> ImportWorld:
    (tmp_path / "pictures").mkdir()
    return ImportWorld(tmp_path / "pictures", decoder)


def matrix(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, D)).astype(np.float32) * 3


def npy(folder: Path, vectors: np.ndarray, *names: str, stem: str = "batch") -> Path:
    np.save(folder / f"{stem}.npy", vectors)
    (folder / f"{stem}.txt").write_text("".join(f"{name}\n" for name in names))
    return folder / f"{stem}.npy"


@pytest.mark.parametrize("kind", ["txt", "json", "csv", "tsv", "pt", "pt with names", "parquet", "float16"])
def test_every_form_becomes_the_same_images(world: ImportWorld, tmp_path: Path, kind: str) -> None:
    vectors, names = matrix(9), [f"a/{n}, x.jpg" for n in range(9)]
    path = tmp_path / "batch.npy"
    np.save(path, vectors.astype(np.float16) if kind == "float16" else vectors)
    if kind in ("txt", "float16", "pt"):
        (tmp_path / "batch.txt").write_text("\n".join(names))
    elif kind == "json":
        (tmp_path / "batch.json").write_text(json.dumps(names))
    elif kind == "csv":
        (tmp_path / "batch.csv").write_text(
            "id,file_name\n" + "".join(f'{n},"{name}"\n' for n, name in enumerate(names))
        )
    elif kind == "tsv":
        (tmp_path / "batch.tsv").write_text("".join(f"{name}\n" for name in names))
    if kind.startswith("pt"):
        path = tmp_path / "batch.pt"
        tensor = torch.from_numpy(vectors)
        torch.save({"names": names, "embeddings": tensor} if kind == "pt with names" else tensor, path)
    elif kind == "parquet":
        path = tmp_path / "batch.parquet"
        pq.write_table(pa.table({"name": names, "embedding": list(vectors)}), path, row_group_size=5)
    report = world.bring(path)
    assert (report.added, report.failed, report.exit_code, report.problems) == (9, 0, 0, [])
    records = world.by_key()
    assert sorted(records) == names
    found = world.index.vectors([record.id for record in records.values()])
    for name, vector in zip(names, vectors, strict=True):
        assert np.allclose(found[records[name].id], unit(vector), atol=2e-3 if kind == "float16" else 1e-6)
        assert (records[name].etag, records[name].status, records[name].encoder) == (
            UNREAD_ETAG,
            "indexed",
            "colours-1",
        )
    assert records[names[0]].source == f"import://{tmp_path}"
    assert world.encoder.loaded == 0


def test_addresses_and_captions(world: ImportWorld, tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    urls = ["HTTP://Example.org/a.jpg", "http://example.org/b.jpg"]
    pq.write_table(pa.table({"url": urls, "caption": ["a red boat", None], "embedding": list(matrix(2))}), path)
    assert world.bring(path).added == 2
    record = world.by_key()["http://example.org/a.jpg"]
    assert (record.uri, record.caption, record.caption_origin) == (record.key, "a red boat", "human")
    assert len(world.index.scroll(INDEXED & caption_words(must=["boat"]))) == 1
    assert world.by_key()["http://example.org/b.jpg"].caption_origin is None
    assert world.bring(path).skipped == 2


def test_rows_that_cannot_be_used_are_told_of_one_by_one(world: ImportWorld, tmp_path: Path) -> None:
    vectors = matrix(8)
    vectors[1, 3], vectors[2], vectors[5, 0] = np.nan, 0, np.inf
    path = npy(tmp_path, vectors, "0", "1", "2", "3", "3", "5", " ", "7")
    report = world.bring(path)
    assert (report.added, report.failed, report.exit_code) == (3, 5, 3)
    assert sorted(world.by_key()) == ["0", "3", "7"]
    told = "\n".join(report.notices)
    for row, reason in ((2, "NaN"), (3, "zero"), (5, "an earlier row has the same name"), (6, "NaN"), (7, "no name")):
        assert any(f"{path}: row {row} " in line and reason in line for line in report.notices), told
    kept = world.index.vectors([world.by_key()["3"].id])
    assert np.allclose(next(iter(kept.values())), unit(vectors[3]))


def test_a_missing_vector_in_parquet_is_told_of(world: ImportWorld, tmp_path: Path) -> None:
    values = [*matrix(2).tolist(), None]
    pq.write_table(
        pa.table({"url": ["http://a.b/1", "http://a.b/2", "http://a.b/3"], "embedding": values}), tmp_path / "v"
    )
    report = world.bring(tmp_path / "v")
    assert (report.added, report.failed) == (2, 1) and "row 3 " in report.notices[0]


class Evil:
    """Pickled, it is a call that writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("more names", "has 3 vectors and 4 names"),
        ("fewer names", "has 3 vectors and 2 names"),
        ("no names", "has no names"),
        ("another dimension", "`model` names the model"),
        ("one dimension", r"shape \(3,\)"),
        ("integers", "holds int64"),
        ("pickled objects", "no whole .npy"),
        ("cut", "no whole .npy"),
        ("evil pt", "no .pt file of tensors"),
        ("evil old pt", "no .pt file of tensors"),
        ("parquet columns", "it takes url"),
        ("parquet dimension", "row 2: 3 numbers"),
        ("cut parquet", "damaged Parquet"),
        ("junk", "neither .npy, nor .pt"),
        ("missing", "No such file"),
    ],
)
def test_files_that_are_refused_whole(world: ImportWorld, tmp_path: Path, case: str, reason: str) -> None:
    path = npy(tmp_path, matrix(3), "a", "b", "c")
    names = path.with_suffix(".txt")
    if case == "more names":
        names.write_text("a\nb\nc\nd\n")
    elif case == "fewer names":
        names.write_text("a\nb\n")
    elif case == "no names":
        names.unlink()
    elif case == "another dimension":
        np.save(path, np.ones((3, D + 1)))
    elif case == "one dimension":
        np.save(path, np.ones(3))
    elif case == "integers":
        np.save(path, np.ones((3, D), np.int64))
    elif case == "pickled objects":
        np.save(path, np.array([Evil(tmp_path / "written")] * 3, dtype=object), allow_pickle=True)
    elif case == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif case == "evil pt":
        torch.save({"embeddings": torch.ones(3, D), "x": Evil(tmp_path / "written")}, path)
    elif case == "evil old pt":
        path.write_bytes(pickle.dumps(Evil(tmp_path / "written")))
    elif case == "parquet columns":
        pq.write_table(pa.table({"url": ["a"], "other": [1]}), path)
    elif case == "parquet dimension":
        pq.write_table(pa.table({"url": ["http://a.b/1", "http://a.b/2"], "embedding": [[1.0] * D, [1.0] * 3]}), path)
    elif case == "cut parquet":
        pq.write_table(pa.table({"url": ["a"], "embedding": [[1.0] * D]}), path)
        path.write_bytes(path.read_bytes()[:-20])
    elif case == "junk":
        path.write_bytes(b"junk")
    elif case == "missing":
        path.unlink()
    good = npy(tmp_path, matrix(2), "x", "y", stem="good")
    report = world.bring(path, good)
    assert report.exit_code == 1 and len(report.problems) == 1
    assert str(tmp_path) in report.problems[0]
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(report.problems[0])
    assert sorted(world.by_key()) == ["x", "y"]
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("float8 npy", "numbers of 1 bytes that NumPy does not know.*float32"),
        ("bfloat16 npy", "numbers of 2 bytes that NumPy does not know.*float32"),
        ("int8 npy", "holds int8: quantised"),
        ("bool npy", "holds bool"),
        ("complex npy", "holds complex64"),
        ("npz", "is an .npz archive.*np.save"),
        ("safetensors", "is a safetensors file.*torch.save"),
        ("float8 pt", "holds float8_e4m3fn.*float32"),
        ("int8 pt", "holds int8: quantised"),
        ("quantised pt", "quantised tensor|no .pt file of tensors alone"),
        ("sparse pt", "sparse.*to_dense"),
        ("sparse rows pt", "sparse.*to_dense"),
        ("nested pt", "nested"),
        ("meta pt", "device meta"),
        ("complex pt", "holds complex64"),
        ("quantised parquet", "column embedding of .*int8.*no lists of floats"),
        ("binary parquet", "column embedding of binary"),
        ("text_emb", "vectors of captions"),
        ("git lfs", "pointer of Git LFS"),
        ("folder", "folder without a file of vectors"),
    ],
)
def test_other_numbers_are_refused_by_their_reason_and_the_others_imported(
    world: ImportWorld, tmp_path: Path, case: str, reason: str
) -> None:
    vectors, (kind, _, form) = matrix(3), case.partition(" ")
    path = npy(tmp_path, vectors, "a", "b", "c")
    tensor = torch.from_numpy(vectors)
    tensors = {
        "float8": lambda: tensor.to(torch.float8_e4m3fn),
        "int8": lambda: tensor.to(torch.int8),
        "quantised": lambda: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
        "sparse": lambda: tensor.to_sparse(),
        "sparse rows": lambda: tensor.to_sparse_csr(),
        "nested": lambda: torch.nested.nested_tensor(list(tensor)),
        "meta": lambda: tensor.to("meta"),
        "complex": lambda: tensor.to(torch.complex64),
    }
    if case.endswith(" pt"):
        with warnings.catch_warnings(action="ignore"):
            torch.save(tensors[case.removesuffix(" pt")](), path)
    elif form == "npy":
        types = {"float8": "V1", "bfloat16": "V2", "int8": np.int8, "bool": bool, "complex": np.complex64}
        raw = np.zeros((3, D), types[kind]) if kind.endswith(("8", "16")) else vectors.astype(types[kind])
        np.save(path, raw)
    elif case == "npz":
        np.savez(tmp_path / "x", vectors)
        (tmp_path / "x.npz").rename(path)
    elif case == "safetensors":
        safetensors.numpy.save_file({"embeddings": vectors}, path)
    elif form == "parquet":
        values = pa.array([b"x"] * 3) if kind == "binary" else pa.array([[1] * D] * 3, pa.list_(pa.int8()))
        pq.write_table(pa.table({"url": list("abc"), "embedding": values}), path)
    elif case == "git lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    elif case == "folder":
        (path := tmp_path / "empty").mkdir()
    else:
        path = path.rename(tmp_path / "text_emb_0.npy")
    good = npy(tmp_path, matrix(2), "x", "y", stem="good")
    report = world.bring(path, good)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(report.problems)
    assert str(path) in report.problems[0] and sorted(world.by_key()) == ["x", "y"]


@pytest.mark.parametrize(
    "kind", ["big endian", "Fortran", "bfloat16", "gradient", "polars", "halffloat", "tensor", "feather"]
)
def test_floats_of_every_kind_are_taken(world: ImportWorld, tmp_path: Path, kind: str) -> None:
    vectors = matrix(3)
    path = npy(tmp_path, vectors, "a", "b", "c")
    half = list(vectors.astype(np.float16))
    if kind == "big endian":
        np.save(path, vectors.astype(">f4"))
    elif kind == "Fortran":
        np.save(path, np.asfortranarray(vectors))
    elif kind in ("bfloat16", "gradient"):
        tensor = torch.from_numpy(vectors)
        torch.save(tensor.bfloat16() if kind == "bfloat16" else torch.nn.Parameter(tensor), path)
    elif kind == "polars":
        names = pl.Series(["a", "b", "c"], dtype=pl.Categorical)
        values = pl.Series(vectors, dtype=pl.Array(pl.Float32, D))
        pl.DataFrame({"name": names, "embedding": values}).write_parquet(path)
    elif kind == "halffloat":
        pq.write_table(pa.table({"key": [b"a", b"b", b"c"], "embedding": pa.array(half, pa.list_(pa.float16()))}), path)
    elif kind == "tensor":
        values = pa.FixedShapeTensorArray.from_numpy_ndarray(vectors)
        pq.write_table(pa.table({"name": ["a", "b", "c"], "Image Embedding": values}), path)
    else:
        feather.write_feather(pa.table({"name": ["a", "b", "c"], "vector": list(vectors)}), path)
    report = world.bring(path)
    assert (report.added, report.problems) == (3, [])
    record = world.by_key()["c"]
    assert np.allclose(world.index.vectors([record.id])[record.id], unit(vectors[2]), atol=2e-2)


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_names_are_split_at_line_ends_alone(world: ImportWorld, tmp_path: Path, suffix: str, end: str) -> None:
    names = ["a\u2028b.jpg", "c\x85d\x0b.jpg", "e\x0cf\x1c\u2029.jpg"]
    path = npy(tmp_path, matrix(3))
    (tmp_path / "batch.txt").unlink()
    beside = path.with_suffix(suffix)
    if suffix == ".parquet":
        pq.write_table(pa.table({"file_name": pa.array(names).dictionary_encode()}), beside)
    elif suffix.startswith(".json"):
        lines = [json.dumps({"file_name": name}, ensure_ascii=False) for name in names]
        beside.write_bytes((end.join(lines) if suffix == ".jsonl" else f"[{','.join(lines)}]").encode("utf-16"))
    else:
        head = ["file_name"] if suffix == ".csv" else []
        beside.write_bytes(end.join([*head, *names, ""]).encode("utf-8-sig"))
    report = world.bring(path)
    assert (report.added, report.problems, sorted(world.by_key())) == (3, [], sorted(names))


def write_clip_retrieval(folder: Path, part: int, parts: int, vectors: np.ndarray, names: list[str]) -> None:
    """Write a part as the writer of clip-retrieval 2.45 does, with images, texts and metadata."""
    number = str(part).zfill(int(math.log10(parts)) + 1)
    for kind in ("img_emb", "text_emb"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        np.save(folder / kind / f"{kind}_{number}.npy", vectors.astype(np.float16))
    metadata = [
        json.dumps({"url": f"http://e.org/{name}", "key": f"{n:09}", "caption": "x", "status": "success"})
        for n, name in enumerate(names)
    ]
    columns = list(zip(names, (f"a boat in {name}" for name in names), metadata, strict=True))
    frame = pd.DataFrame(data=columns, columns=["image_path", "caption", "metadata"])
    parsed = pd.json_normalize(frame["metadata"].apply(json.loads))
    parsed = parsed.drop(columns=list({"caption", "metadata", "image_path"} & set(parsed.keys())))
    (folder / "metadata").mkdir(exist_ok=True)
    frame.join(parsed).drop(columns=["metadata"]).to_parquet(folder / "metadata" / f"metadata_{number}.parquet")


def test_the_folders_of_clip_retrieval_are_imported_as_they_are(world: ImportWorld, tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    vectors = matrix(24)
    for part in range(12):
        some = slice(2 * part, 2 * part + 2)
        write_clip_retrieval(folder, part, 12, vectors[some], [f"/d/{n}.jpg" for n in range(24)[some]])
    (folder / "metadata" / "metadata_03.parquet").unlink()
    (folder / "img_emb" / "img_emb_05.npy").unlink()
    np.save(folder / "img_emb" / "img_emb_07.npy", matrix(3).astype(np.float16))
    files = find_vector_files(folder)
    assert [file.name for file in files] == [f"img_emb_{n:02}.npy" for n in range(12)]
    report = world.bring(*files)
    assert (report.added, report.failed, len(report.problems)) == (18, 0, 3)
    for problem, part in zip(report.problems, ("03", "05", "07"), strict=True):
        assert f"img_emb_{part}.npy" in problem
    assert "no metadata_03.parquet" in report.problems[0]
    assert "is missing, and" in report.problems[1] and "metadata_05.parquet" in report.problems[1]
    assert "has 3 vectors and 2 names" in report.problems[2]
    record = world.by_key()["/d/23.jpg"]
    assert (record.captions, record.uri) == (("a boat in /d/23.jpg",), "http://e.org//d/23.jpg")
    assert np.allclose(world.index.vectors([record.id])[record.id], unit(vectors[23]), atol=2e-3)


def test_parts_that_lie_flat_are_paired_by_number(world: ImportWorld, tmp_path: Path) -> None:
    vectors = matrix(22)
    for n in range(11):
        np.save(tmp_path / f"img_emb_{n}.npy", vectors[2 * n : 2 * n + 2])
        np.save(tmp_path / f"text_emb_{n}.npy", vectors[2 * n : 2 * n + 2])
        names = pa.table({"image_path": [f"{2 * n}.jpg", f"{2 * n + 1}.jpg"]})
        pq.write_table(names, tmp_path / f"metadata_{n:04}.parquet")
    assert [file.stem for file in find_vector_files(tmp_path)] == [f"img_emb_{n}" for n in range(11)]
    assert world.bring(*find_vector_files(tmp_path)).added == 22
    record = world.by_key()["21.jpg"]
    assert np.allclose(world.index.vectors([record.id])[record.id], unit(vectors[21]))


def test_a_folder_of_other_files_stands_for_all_of_them(tmp_path: Path) -> None:
    for name in ("v10.npy", "v9.npy", "v9.txt", "b.parquet", "c.pt", "metadata_0.parquet", "text_emb_0.npy"):
        (tmp_path / name).touch()
    assert [file.name for file in find_vector_files(tmp_path)] == ["b.parquet", "c.pt", "v9.npy", "v10.npy"]
    assert find_vector_files(tmp_path / "v9.npy") == [tmp_path / "v9.npy"]


def test_a_list_takes_the_address_where_the_name_is_none(world: ImportWorld, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("http://e.org/a.jpg\n")
    write_clip_retrieval(tmp_path, 0, 1, matrix(1), ["a.jpg"])
    store = ListStore(f"list:{tmp_path}/list.txt", load_settings())
    report = world.bring(tmp_path / "img_emb" / "img_emb_0.npy", store=store)
    assert (report.added, list(world.by_key())) == (1, ["http://e.org/a.jpg"])


def test_names_that_are_given(world: ImportWorld, tmp_path: Path) -> None:
    path = npy(tmp_path, matrix(2), "wrong")
    (tmp_path / "names.txt").write_text("a\nb\n")
    assert world.bring(path, names=tmp_path / "names.txt").added == 2


def test_new_vectors_replace_imported_ones(world: ImportWorld, tmp_path: Path) -> None:
    world.bring(npy(tmp_path, matrix(3), "a", "b", "c"))
    vectors = matrix(3)
    vectors[1] = matrix(1, seed=2)[0]
    report = world.bring(npy(tmp_path, vectors, "a", "b", "c"))
    assert (report.updated, report.skipped, report.added) == (1, 2, 0)


def test_a_later_ingest_of_the_source_reads_the_pictures_and_keeps_the_vectors(
    world: ImportWorld, tmp_path: Path
) -> None:
    for name in ("a.png", "sub/b.png", "new.png"):
        world.picture(name, "red", width=30 + len(name))
    (world.folder / "bad.png").write_bytes(b"junk")
    vectors = matrix(3)
    path = npy(tmp_path, vectors, "a.png", str(world.folder / "sub/b.png"), "bad.png")
    store = FolderStore(world.folder, max_bytes=2**20)
    assert world.bring(path, store=store).added == 3
    report = world.ingest()
    assert (report.added, report.updated, report.reused, report.failed, report.deleted) == (1, 2, 2, 1, 0)
    assert world.encoder.encoded == 1
    records = world.by_key()
    assert (records["a.png"].width, records["a.png"].etag == UNREAD_ETAG) == (35, False)
    found = world.index.vectors([records[key].id for key in ("a.png", "sub/b.png", "bad.png")])
    assert np.allclose(found[records["a.png"].id], unit(vectors[0]))
    assert np.allclose(found[records["bad.png"].id], unit(vectors[2]))  # paid for, so not lost
    again = world.ingest()
    assert (again.added, again.updated, again.failed) == (0, 0, 0)
    assert world.bring(path, store=store).skipped == 3
    world.picture("a.png", "blue", width=35)
    world.ingest()
    changed = world.index.vectors([records["a.png"].id])
    assert not np.allclose(next(iter(changed.values())), unit(vectors[0]), atol=0.1)


def test_a_long_picture_keeps_its_imported_vector(world: ImportWorld, tmp_path: Path) -> None:
    Image.new("RGB", (90, 30), "red").save(world.folder / "long.png")
    vectors = matrix(1)
    world.bring(npy(tmp_path, vectors, "long.png"), store=FolderStore(world.folder, max_bytes=2**20))
    for updated in (1, 0, 0):
        assert (world.ingest().updated, world.encoder.encoded) == (updated, 0)
        record = world.by_key()["long.png"]
        assert (record.width, record.framing) == (90, "imported")
        assert np.allclose(world.index.vectors([record.id])[record.id], unit(vectors[0]))
    Image.new("RGB", (90, 30), "blue").save(world.folder / "long.png")
    assert world.ingest().updated == 1 and world.by_key()["long.png"].framing == "tiles"


def test_imported_images_are_deleted_with_their_own_source_alone(world: ImportWorld, tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(20)]
    path = npy(tmp_path, matrix(20), *names)
    world.bring(path)
    world.bring(path, store=FolderStore(world.folder, max_bytes=2**20))
    world.picture("here.png", "red")
    report = world.ingest()
    assert (report.deleted, report.kept) == (0, 20)  # over 10 %
    assert world.ingest(confirm_deletes=True).deleted == 20
    assert {record.source for record in world.index.scroll() if record.key in names} == {f"import://{tmp_path}"}


def test_names_in_a_bucket() -> None:
    store = S3Store("s3://bucket/photos", load_settings())
    for name in ("a b.jpg", "photos/a b.jpg", "s3://bucket/photos/a b.jpg"):
        assert store.resolve_name(name) == ("photos/a b.jpg", "s3://bucket/photos/a%20b.jpg")
    with pytest.raises(ValueError, match="not of"):
        store.resolve_name("s3://other/a.jpg")


def test_imported_pictures_are_found_by_the_words_of_their_names(world: ImportWorld, tmp_path: Path) -> None:
    path = npy(tmp_path, matrix(3), "beach trips/IMG_1.jpg", "DCIM/IMG_2.jpg", "snow 2019/IMG_3.jpg")
    assert world.bring(path).added == 3
    told = {key: record.name_words for key, record in world.by_key().items()}
    assert told == {
        "beach trips/IMG_1.jpg": ("beach", "trip"),
        "DCIM/IMG_2.jpg": (),
        "snow 2019/IMG_3.jpg": ("snow", "2019"),
    }
    assert world.index.count(Filter(all=(Match("name_words", ("beach",)),))) == 1


def test_a_long_import_lets_the_approximate_index_grow_now_and_then(
    world: ImportWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    monkeypatch.setattr(run_context, "OPTIMIZE_EVERY", 8)
    monkeypatch.setattr(world.index, "optimize", lambda: held.append(world.index.count()))
    world.bring(npy(tmp_path, matrix(20), *(f"{n}.jpg" for n in range(20))))
    assert held == [8, 16, 20]
