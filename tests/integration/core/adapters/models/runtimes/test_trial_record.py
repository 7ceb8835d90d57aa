"""A runtime that crashes the process is given up, whoever starts the process again."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from core.adapters.models.encoders.loader import load_encoder
from core.adapters.models.runtimes import export
from core.adapters.models.runtimes.trial_record import TrialRecord
from core.adapters.models.runtimes.trials import Candidate, try_candidates
from tests.support.processes.commands import run_main


class _Tower:
    def encode(self, pixels: np.ndarray) -> np.ndarray:
        return np.ones((len(pixels), 4), np.float32)


def try_what_crashes() -> None:
    crash = Candidate("crash", lambda: os._exit(9))
    choice, _ = try_candidates(
        _Tower(), iter([crash]), np.zeros((4, 8, 8, 3), np.uint8), on_cpu=True, record=TrialRecord("f", "cpu")
    )
    sys.stdout.write(f"{choice.runtime} {list(choice.refused)}\n")


def export_what_crashes() -> None:
    export.export_text_tower = lambda tower, folder: os._exit(9)
    encoder = load_encoder("demo", device="cpu")
    encoder.keep_text_tower()
    assert encoder.encode_texts(["a red car"]).vectors.shape[0] == 1


def run(main: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return run_main(f"{__name__}:{main}", cwd=home, env={"BUCKETLENS_CACHE": str(home)}, timeout=300)


def test_an_export_that_ends_the_process_is_given_up_after_the_second_time(tmp_path: Path) -> None:
    ran = [run("export_what_crashes", tmp_path) for _ in range(4)]
    assert [each.returncode for each in ran] == [9, 9, 0, 0], ran[-1].stderr


def test_a_runtime_that_crashes_the_process_is_given_up_after_the_second_time(tmp_path: Path) -> None:
    ran = [run("try_what_crashes", tmp_path) for _ in range(4)]
    assert [each.returncode for each in ran] == [9, 9, 0, 9], ran[-1].stderr
    assert ran[2].stdout.split("\n")[0] == "torch-float32 ['crash']"
