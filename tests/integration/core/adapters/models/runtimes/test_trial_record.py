"""A runtime that crashes the process is given up, whoever starts the process again."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[6]

_SCRIPT = """
import os
import numpy as np
from core.adapters.models.runtimes.trial_record import TrialRecord
from core.adapters.models.runtimes.trials import Candidate, try_candidates

class Tower:
    def encode(self, pixels):
        return np.ones((len(pixels), 4), np.float32)

crash = Candidate("crash", lambda: os._exit(9))
choice, _ = try_candidates(
    Tower(), iter([crash]), np.zeros((4, 8, 8, 3), np.uint8), on_cpu=True, record=TrialRecord("f", "cpu")
)
print(choice.runtime, list(choice.refused))
"""


_EXPORT = """
import os
from core.adapters.models.encoders.loader import load_encoder
from core.adapters.models.runtimes import export
export.export_text_tower = lambda tower, folder: os._exit(9)
encoder = load_encoder("demo", device="cpu")
encoder.keep_text_tower()
print(encoder.encode_texts(["a red car"]).vectors.shape)
"""


def test_an_export_that_ends_the_process_is_given_up_after_the_second_time(tmp_path: Path) -> None:
    assert [run(_EXPORT, tmp_path).returncode for _ in range(4)] == [9, 9, 0, 0]


def run(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"HF_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_runtime_that_crashes_the_process_is_given_up_after_the_second_time(tmp_path: Path) -> None:
    ran = [run(_SCRIPT, tmp_path) for _ in range(4)]
    assert [each.returncode for each in ran] == [9, 9, 0, 9]
    assert ran[2].stdout.split("\n")[0] == "torch-float32 ['crash']"
