"""Real worker processes against real crashes, hangs and bombs: each costs its image, and nothing else."""

import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.adapters.decoding import protocol
from core.adapters.decoding.pool import DecodeWorkers
from core.errors import BucketLensError, DecoderCrashed, DecoderTimeout, ImageTooLarge, ImageUnreadable
from core.imaging.decode_request import DecodeRequest, ImageLimits, PixelSpec
from core.imaging.decoder import decode

ROOT = Path(__file__).resolve().parents[4]
REQUEST = DecodeRequest(PixelSpec(32, "crop", Image.Resampling.BICUBIC), 48)


def png(width: int = 60, height: int = 40, colour: str = "red", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, "PNG")
    return out.getvalue()


def children() -> set[int]:
    """The worker processes of this process."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"core.adapters.decoding.worker" in command:
            found.add(int(folder.name))
    return found


def bytes_waiting(pid: int) -> int:
    """In the pipe to a worker, not read yet."""
    descriptor = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
    finally:
        os.close(descriptor)


@pytest.fixture
def workers() -> Iterator[DecodeWorkers]:
    with DecodeWorkers(ImageLimits(), workers=1) as decoder:
        yield decoder


def test_an_answer_is_what_decoding_here_gives(workers: DecodeWorkers) -> None:
    data = png()
    here, there = decode(data, REQUEST, ImageLimits()), workers.submit(data, REQUEST).result()
    assert there.pixels is not None and here.pixels is not None
    assert np.array_equal(there.pixels, here.pixels) and there.thumbnail == here.thumbnail
    assert (there.width, there.height, there.metadata, there.content_hash) == (60, 40, here.metadata, here.content_hash)


def test_each_part_alone_and_none(workers: DecodeWorkers) -> None:
    only_pixels = workers.submit(png(), DecodeRequest(pixels=REQUEST.pixels)).result()
    only_thumbnail = workers.submit(png(), DecodeRequest(thumbnail=20)).result()
    neither = workers.submit(png(), DecodeRequest()).result()
    assert only_pixels.pixels is not None and only_pixels.thumbnail is None
    assert only_thumbnail.pixels is None and only_thumbnail.thumbnail is not None
    assert (neither.pixels, neither.thumbnail, neither.width) == (None, None, 60)
    looked = workers.submit(png(), DecodeRequest(thumbnail=20, text_look=True, picture=30)).result()
    here = decode(png(), DecodeRequest(thumbnail=20, text_look=True, picture=30), ImageLimits())
    assert looked.picture is not None and looked.picture.shape == (20, 30, 3)
    assert np.array_equal(looked.picture, here.picture) and looked.may_hold_text is here.may_hold_text is not None
    assert looked.thumbnail == here.thumbnail and (neither.picture, neither.may_hold_text) == (None, None)


def png_header(width: int, height: int) -> bytes:
    chunks = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT", b"IEND"
    whole = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def test_image_errors_keep_their_kind_and_reason(workers: DecodeWorkers) -> None:
    with pytest.raises(ImageUnreadable, match="not an image"):
        workers.submit(b"text", REQUEST).result()
    with pytest.raises(ImageTooLarge, match="pixels"):
        workers.submit(png_header(30_000, 30_000), REQUEST).result()
    with pytest.raises(ImageTooLarge, match="bytes"):
        workers.submit(bytes(201 * 2**20), REQUEST).result()


def test_nothing_runs_until_there_is_something_to_decode_and_nothing_after_closing() -> None:
    workers = DecodeWorkers(ImageLimits(), workers=3)
    assert children() == set()
    workers.submit(png(), REQUEST).result()
    workers.submit(png(), REQUEST).result()
    assert len(children()) == 1
    for future in [workers.submit(png(), REQUEST) for _ in range(12)]:
        future.result()
    assert len(children()) <= 3
    workers.close()
    workers.close()
    assert children() == set()
    with pytest.raises(RuntimeError, match="closed"):
        workers.submit(png(), REQUEST)


def test_requests_larger_than_a_pipe_do_not_block(workers: DecodeWorkers) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), dtype=np.uint8))
    out = io.BytesIO()
    noise.save(out, "BMP")
    request = DecodeRequest(PixelSpec(600, "crop", Image.Resampling.BICUBIC), 1200)  # over 1 MB each way
    futures = [workers.submit(out.getvalue(), request) for _ in range(3)]
    assert [future.result().width for future in futures] == [1500] * 3


def test_a_killed_worker_costs_its_image_only() -> None:
    with DecodeWorkers(ImageLimits(), workers=1) as workers:
        workers.submit(png(), REQUEST).result()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        future = workers.submit(png(), REQUEST)
        while not bytes_waiting(pid):
            time.sleep(0.01)
        os.kill(pid, signal.SIGSEGV)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(DecoderCrashed, match="signal 11"):
            future.result(timeout=20)
        assert workers.submit(png(), REQUEST).result().width == 60
        assert pid not in children()


def test_a_worker_that_died_between_images_is_replaced_without_loss(workers: DecodeWorkers) -> None:
    workers.submit(png(), REQUEST).result()
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert workers.submit(png(), REQUEST).result().width == 60


def test_a_hanging_worker_is_killed_when_its_time_is_up() -> None:
    with DecodeWorkers(ImageLimits(seconds=0.5), workers=1) as workers:
        workers.submit(png(), REQUEST).result()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        future, following = workers.submit(png(), REQUEST), workers.submit(png(), REQUEST)
        with pytest.raises(DecoderTimeout, match=r"over 0\.5 s"):
            future.result(timeout=20)
        assert following.result(timeout=20).width == 60
        assert pid not in children()


def test_a_hanging_worker_that_reads_nothing_cannot_block_its_parent() -> None:
    with DecodeWorkers(ImageLimits(seconds=0.5), workers=1) as workers:
        workers.submit(png(), REQUEST).result()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DecoderTimeout):
            workers.submit(bytes(20 * 2**20), REQUEST).result(timeout=20)


def test_closing_is_quick_while_a_worker_hangs_and_jobs_wait() -> None:
    workers = DecodeWorkers(ImageLimits(seconds=600), workers=1)
    workers.submit(png(), REQUEST).result()
    (pid,) = children()
    os.kill(pid, signal.SIGSTOP)
    futures = [workers.submit(png(), REQUEST) for _ in range(3)]
    while not futures[0].running():
        time.sleep(0.01)
    workers.close()
    assert futures[0].done() and futures[1].cancelled() and futures[2].cancelled()
    assert children() == set()


def test_memory_is_limited_and_the_next_image_is_not_harmed() -> None:
    with DecodeWorkers(ImageLimits(memory_bytes=64 * 2**20), workers=1) as workers:
        with pytest.raises(ImageTooLarge, match="memory"):
            workers.submit(png(6000, 6000), REQUEST).result()
        assert workers.submit(png(), REQUEST).result().width == 60


def test_a_terminals_interrupt_does_not_end_workers(workers: DecodeWorkers) -> None:
    workers.submit(png(), REQUEST).result()
    (pid,) = children()
    assert os.getpgid(pid) != os.getpgid(0)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert workers.submit(png(), REQUEST).result().width == 60
    assert children() == {pid}


def test_a_worker_that_cannot_start_is_no_fault_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with DecodeWorkers(ImageLimits(), workers=1) as workers, pytest.raises(BucketLensError, match="did not start"):
        workers.submit(png(), REQUEST).result()


def test_a_worker_that_cannot_even_be_made_is_no_fault_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    with DecodeWorkers(ImageLimits(), workers=1) as workers, pytest.raises(BucketLensError, match="did not start"):
        workers.submit(png(), REQUEST).result()


def pretend_to_be_python(path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_a_worker_that_says_something_else_at_its_start_is_no_fault_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_to_be_python(tmp_path / "chatty", monkeypatch, "print('Welcome to this interpreter', flush=True)\ninput()")
    with DecodeWorkers(ImageLimits(), workers=1) as workers, pytest.raises(BucketLensError, match="did not start"):
        workers.submit(png(), REQUEST).result()


HONEST = {
    "width": 4,
    "height": 3,
    "metadata": {},
    "incomplete": None,
    "content_hash": "0" * 64,
    "pixels": 0,
    "thumbnail": False,
}
TAKEN = {"clock": "2026-03-01T12:00:00", "offset": None, "origin": "EXIF", "precision": "second"}


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 10**30},
        {"width": float("inf")},
        {"height": 0},
        {"metadata": {"taken": {"clock": "2026-03-01T12:00:00Z", "offset": None, "origin": "EXIF"}}},
        {"metadata": []},
        {"metadata": {"taken": "2026"}},
        {"metadata": {"taken": TAKEN | {"zone": 1}}},
        {"metadata": {"taken": TAKEN | {"offset": 1e6}}},
        {"metadata": {"taken": TAKEN | {"offset": float("nan")}}},
        {"metadata": {"taken": TAKEN | {"offset": "1"}}},
        {"metadata": {"taken": TAKEN | {"origin": 5}}},
        {"metadata": {"taken": TAKEN | {"origin": "\ud800"}}},
        {"metadata": {"taken": TAKEN | {"clock": 5}}},
        {"metadata": {"taken": TAKEN | {"precision": []}}},
        {"metadata": {"camera": ["Canon"]}},
        {"metadata": {"camera": ""}},
        {"metadata": {"lens": "x" * 201}},
        {"metadata": {"lens": "\udfff"}},
        {"metadata": {"latitude": 1.0}},
        {"metadata": {"latitude": 91.0, "longitude": 0.0}},
        {"metadata": {"latitude": float("nan"), "longitude": 0.0}},
        {"metadata": {"latitude": 1.0, "longitude": "1"}},
        {"metadata": {"latitude": True, "longitude": 1.0}},
        {"metadata": {"rating": 6}},
        {"metadata": {"rating": 2.5}},
        {"metadata": {"rating": True}},
        {"metadata": {"texts": "abc"}},
        {"metadata": {"texts": [{"text": 5, "origin": "EXIF"}]}},
        {"metadata": {"texts": [{"text": "x" * 4001, "origin": "EXIF"}]}},
        {"metadata": {"texts": [{"text": "A dog"}]}},
        {"metadata": {"texts": [{"text": "A dog", "origin": "EXIF"}] * 21}},
        {"metadata": {"keywords": "dog"}},
        {"metadata": {"keywords": {"dog": 1}}},
        {"metadata": {"keywords": ["dog", None]}},
        {"metadata": {"keywords": [""]}},
        {"metadata": {"keywords": ["dog"] * 201}},
        {"metadata": {"people": [["Ann"]]}},
        {"metadata": {"people": ["\ud83d"]}},
        {"metadata": {"owner": "Ann"}},
        {"incomplete": 1.5},
        {"content_hash": "\ud800"},
        {"pixels": 5},
        {"picture": [1, 1]},
        {"picture": "ab"},
        {"may_hold_text": True},
        {"error": "KeyboardInterrupt", "reason": ""},
        {"error": [], "reason": ""},
    ],
)
def test_a_worker_that_was_taken_over_cannot_put_nonsense_on_record(lie: dict[str, object]) -> None:
    honest = HONEST | {"metadata": {"taken": TAKEN}}
    assert protocol.read_decoded(honest, memoryview(b""), DecodeRequest()).width == 4
    with pytest.raises((ValueError, LookupError, TypeError, OverflowError)):
        protocol.read_decoded(HONEST | lie, memoryview(b""), DecodeRequest())


@pytest.mark.parametrize(
    "lie", [{"picture": [0, 5]}, {"picture": [11, 5]}, {"picture": [5]}, {"picture": None}, {"may_hold_text": "yes"}]
)
def test_a_picture_is_no_larger_than_was_asked_for(lie: dict[str, object]) -> None:
    request = DecodeRequest(text_look=True, picture=10)
    honest = HONEST | {"picture": [2, 5], "may_hold_text": False}
    read = protocol.read_decoded(honest, memoryview(bytes(30)), request)
    assert read.picture is not None and read.picture.shape == (2, 5, 3) and read.may_hold_text is False
    with pytest.raises((ValueError, TypeError)):
        protocol.read_decoded(honest | lie, memoryview(bytes(30)), request)


def test_a_reason_can_always_be_written() -> None:
    said = {"error": "ImageUnreadable", "reason": "damaged: \ud800"}
    with pytest.raises(ImageUnreadable) as caught:
        protocol.read_decoded(said, memoryview(b""), DecodeRequest())
    str(caught.value).encode()


@pytest.mark.parametrize("answer", ["'[' * 60000", "'[]'", "'{\"retiring\": false}'", "'no JSON'"])
def test_a_worker_that_answers_nonsense_is_killed_and_costs_its_image(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
import struct, sys
def say(text):
    sys.stdout.buffer.write(struct.pack("<II", len(text), 0) + text.encode())
    sys.stdout.buffer.flush()
say("{}")
sys.stdin.buffer.read(8)
say(ANSWER)
sys.stdin.buffer.read()
"""
    pretend_to_be_python(tmp_path / "liar", monkeypatch, script.replace("ANSWER", answer))
    with DecodeWorkers(ImageLimits(), workers=1) as workers, pytest.raises(DecoderCrashed, match="nonsense"):
        workers.submit(png(), REQUEST).result()


def test_workers_start_in_a_folder_that_holds_traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy.py", "PIL.py", "core.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('a trap')")
    monkeypatch.chdir(tmp_path)
    with DecodeWorkers(ImageLimits(), workers=1) as workers:
        assert workers.submit(png(), REQUEST).result().width == 60


PARENT = """
    import io, subprocess, sys
    sys.path.insert(0, sys.argv[1])
    from PIL import Image
    from core.adapters.decoding.pool import DecodeWorkers
    from core.imaging.decode_request import DecodeRequest, ImageLimits
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "PNG")
    workers = DecodeWorkers(ImageLimits(seconds=600), workers=1)
    workers.submit(out.getvalue(), DecodeRequest()).result()
    (worker,) = workers._running
    if sys.argv[2] == "deaf":  # somebody else holds its input open: it cannot see its parent go by that
        subprocess.Popen(["sleep", "20"], pass_fds=[worker._in], stdout=subprocess.DEVNULL)
    print(worker._process.pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
@pytest.mark.parametrize("state", ["idle", "deaf"])
def test_workers_die_with_their_parent(state: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PARENT), str(ROOT), state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(timeout=20)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the worker outlives its parent"
        time.sleep(0.02)


def test_serial_and_parallel_give_the_same() -> None:
    colours = ["red", "green", "blue", "black", "white", "orange"]
    images = [png(30 + number, 20, colour) for number, colour in enumerate(colours)]
    results = []
    for count in (1, 3):
        with DecodeWorkers(ImageLimits(), workers=count) as workers:
            futures = [workers.submit(image, REQUEST) for image in images]
            results.append([(f.result().width, bytes(f.result().thumbnail or b"")) for f in futures])
    assert results[0] == results[1] and [width for width, _ in results[0]] == [30, 31, 32, 33, 34, 35]
