"""Runs `bucketlens` as its users do: as a process of its own, offline, in a folder of its own."""

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.processes.warm_processes import WarmProcess, WarmProcesses

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT.parent / "shared" / "data"
BUCKETLENS = [sys.executable, "-c", "import bucketlens.cli; bucketlens.cli.main()"]


def environment() -> dict[str, str]:
    here = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"}
    return {"BUCKETLENS_DECODE_WORKERS": "1"} | os.environ | here  # one starts in half the time of two


_warm = WarmProcesses()
atexit.register(_warm.close)


def bucketlens(*arguments: str | Path, cwd: Path, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
    return _warm.run([str(argument) for argument in arguments], cwd=cwd, env=environment(), timeout=timeout)


def run_main(
    main: str, *arguments: str | Path, cwd: Path, timeout: float, env: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.CompletedProcess[str]":
    """Run the function "module:name" as the main one of a process; `env` changes the environment."""
    told = [str(argument) for argument in arguments]
    return _warm.run(told, cwd=cwd, env=environment() | env, timeout=timeout, main=main)


def started(*arguments: str | Path, cwd: Path, **more: Any) -> WarmProcess:
    """The command while it runs; `env` changes the environment, `main` is another function than its own."""
    env = environment() | more.pop("env", {})
    return _warm.start([str(argument) for argument in arguments], cwd=cwd, env=env, **more)
