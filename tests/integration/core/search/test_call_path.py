"""How far a question goes: through how many functions, files and threads."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

from bucketlens import Library
from core.bootstrap import Container
from core.settings import load_settings
from tests.support.small_library import build

ROOT = Path(__file__).resolve().parents[4]
FUNCTIONS = 140  # those of the kept columns among them
FILES = 28
TEXT = "a red umbrella"
ASKING = ("MainThread", "ask-library")  # the threads that a question runs in


class CallRecorder:
    """The functions of ours that are called while it records. Lambdas and comprehensions count as a part of theirs."""

    def __init__(self) -> None:
        self.called: set[CodeType] = set()
        self.recording = False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if self.recording and event == "call" and not code.co_name.startswith("<"):
            packages = tuple(f"{ROOT / name}/" for name in ("core", "bucketlens"))
            if code.co_filename.startswith(packages) and threading.current_thread().name in ASKING:
                self.called.add(code)


@contextmanager
def profiled(recorder: CallRecorder) -> Iterator[None]:
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def test_a_warm_question_passes_few_functions_and_starts_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(tmp_path, 30)
    with Container(load_settings(data=made.data)) as container:
        container.mirrors.build(container.index)  # with a mirror, a question has a deadline and runs in a worker
    recorder, started = CallRecorder(), []
    with profiled(recorder), Library.open(made.data, device="cpu") as library:
        expected = [hit.record.id for hit in library.search(TEXT)]
        library.search(TEXT)
        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread.name), start(thread)))
        recorder.recording = True
        found = library.search(TEXT)
        recorder.recording = False
    assert [hit.record.id for hit in found] == expected != []
    names = sorted(f"{Path(code.co_filename).relative_to(ROOT)} {code.co_qualname}" for code in recorder.called)
    assert len(names) <= FUNCTIONS, names
    assert len({code.co_filename for code in recorder.called}) <= FILES, names
    assert started == []
    assert any("EdgeReader" in name for name in names)  # the worker was watched, too
