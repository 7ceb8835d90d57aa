"""compose.yaml as Docker Compose itself reads it: that takes no engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"
EXAMPLE = ROOT / ".env.example"
WRITE_KEY, READ_KEY = "a-key-that-may-write", "a-key-that-may-read"
_LINE = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.M)


def tool(name: str) -> str:
    """A program that the extra `dev` has installed beside Python."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is missing: pip install -e '.[dev]'"
    return found


def variables() -> dict[str, str]:
    """Every variable of .env.example, as it is set there or as its comment would set it."""
    return {name: value for _, name, value in _LINE.findall(EXAMPLE.read_text())}


def given() -> dict[str, str]:
    """Those that are set there."""
    return {name: value for comment, name, value in _LINE.findall(EXAMPLE.read_text()) if not comment}


def env_file(folder: Path, **values: str) -> Path:
    """.env as a newcomer makes it: the example, with keys and `values`."""
    path = folder / ".env"
    values = {"QDRANT_API_KEY": WRITE_KEY, "QDRANT_READ_API_KEY": READ_KEY, **values}
    path.write_text(EXAMPLE.read_text() + "".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def compose(env: Path, *arguments: str, files: Sequence[Path] = (COMPOSE,)) -> "subprocess.CompletedProcess[str]":
    """`docker compose` in the repository, with nothing set in the shell."""
    chosen = [word for file in files for word in ("--file", str(file))]
    command = [tool("docker-compose"), "--project-directory", str(ROOT), "--env-file", str(env), *chosen, *arguments]
    shell = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(command, cwd=ROOT, env=shell, capture_output=True, text=True, timeout=60, check=False)


def config(env: Path, *profiles: str, files: Sequence[Path] = (COMPOSE,)) -> dict[str, Any]:
    """What would be started, with every variable in its place; without `profiles` those that .env names."""
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    told = compose(env, *chosen, "config", "--format", "json", files=files)
    assert told.returncode == 0, told.stderr
    made: dict[str, Any] = json.loads(told.stdout)
    return made


def words(command: Sequence[str]) -> list[str]:
    """A command as the container gets it: what is printed could be a compose file again, so its "$" are doubled."""
    return [word.replace("$$", "$") for word in command]


def set_in(service: dict[str, Any]) -> dict[str, str]:
    """The environment of a container."""
    held = service.get("environment") or {}
    return {name: value.replace("$$", "$") for name, value in held.items() if value is not None}
