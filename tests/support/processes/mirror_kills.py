"""Kills the making of a mirror at one step after the other: `python -m support.processes.mirror_kills FOLDER EVERY`.

A step is whatever opens, renames, links or removes a file. Prints how many were tried, and every one after which the
mirror did not answer as the library was before the change or after it.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.adapters.faiss_mirror.builder import build
from core.adapters.faiss_mirror.index import FaissMirror
from core.adapters.faiss_mirror.mirror_folder import MirrorFolder
from core.errors import BucketLensError
from core.ports.vector_index import IndexInfo
from core.text.analysis import query_weights
from tests.support.fakes import MemoryIndex
from tests.support.index_queries import best_words, nearest
from tests.support.made_up_images import image_id, point, vector

_STEPS = ("open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir")
_ROWS = 4


def _library() -> MemoryIndex:
    index = MemoryIndex(IndexInfo("colours", "colours-1", 16))
    index.upsert([point(n, "a red car" if n % 2 else None) for n in range(1, 16)])
    return index


def _change(index: MemoryIndex, turn: int) -> None:
    index.upsert([point(turn, "a blue dog"), point(100 + turn, "a green tree")])
    index.delete([image_id(turn + 1)])


def _answers(index: Any) -> object:
    near = [(hit.record.id, hit.record.caption, round(hit.score, 4)) for hit in nearest(index, vector(3), limit=50)]
    said = [hit.record.id for hit in best_words(index, query_weights("red car"), limit=50)]
    return near, said, index.count(), index.facet("words")


def _kill_at(step: int, folder: Path) -> None:
    left = step

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _STEPS and str(folder) in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def _forked(work: Callable[[], bool]) -> int:
    """How a child ended that did this: 0 where it was True."""
    child = os.fork()
    if not child:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, every: int) -> None:
    """FAISS makes threads, which no fork survives: whatever uses it does so in a child."""
    index = _library()

    def publish(at: Path) -> bool:
        build(index, MirrorFolder(at), "float32", rows=_ROWS)
        return True

    for turn in (1, 3):  # two generations, of which the second takes over segments of the first
        assert _forked(lambda: publish(folder / "mirror")) == 0
        _change(index, turn)
    assert _forked(lambda: publish(folder / "mirror")) == 0
    before = _answers(index)
    _change(index, 5)
    after = _answers(index)
    tried, step, wrong, sound = 0, 1, [], False
    while not sound:
        trial = folder / f"trial-{step}"
        shutil.copytree(folder / "mirror", trial)

        def killed(trial: Path = trial, step: int = step) -> bool:
            _kill_at(step, trial)
            return publish(trial)

        def answers(trial: Path = trial) -> bool:
            try:
                return _answers(FaissMirror(trial, threads=1)) in (before, after)
            except BucketLensError:
                return False

        def goes_on(trial: Path = trial) -> bool:
            publish(trial)
            return _answers(FaissMirror(trial, threads=1)) == after

        sound = _forked(killed) == 0
        tried += 1
        if _forked(answers) != 0 or _forked(goes_on) != 0:
            wrong.append(step)
        shutil.rmtree(trial)
        step += every
    sys.stdout.write(f"{tried} {wrong}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
