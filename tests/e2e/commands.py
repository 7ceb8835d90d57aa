"""Runs `bucketlens` as its users do: as a process of its own, offline, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared" / "data"
BUCKETLENS = [sys.executable, "-c", "import bucketlens; bucketlens.main()"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"}


def bucketlens(*arguments: str | Path, cwd: Path, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
    command = [*BUCKETLENS, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout)
