"""Commands as forks of one process that has loaded the model libraries: importing them takes seconds each time.

`bucketlens.main` gets a whole command line, a folder, an environment and its own standard streams, as a process of its
own. What starting costs, and how a process ends that is killed or interrupted, is tested on real ones.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]


class WarmCommands:
    """Runs one command after the other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        """Raises TimeoutExpired, as subprocess.run does."""
        with TemporaryDirectory() as folder:
            streams = [Path(folder, name) for name in ("stdout", "stderr")]
            asked = {
                "arguments": list(arguments),
                "cwd": str(cwd),
                "env": dict(env),
                "streams": list(map(str, streams)),
            }
            code = self._asked(asked, timeout)
            stdout, stderr = (path.read_text() for path in streams)
        return subprocess.CompletedProcess(["bucketlens", *arguments], code, stdout, stderr)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _asked(self, asked: Mapping[str, Any], timeout: float) -> int:
        process = self._process = self._process or self._started(asked["env"])
        assert process.stdin is not None and process.stdout is not None
        late = threading.Timer(timeout, process.kill)
        late.start()
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        finally:
            late.cancel()
        if not answer:
            self.close()
            raise subprocess.TimeoutExpired(asked["arguments"], timeout)
        return int(answer)

    def _started(self, env: Mapping[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.warm_commands"],
            cwd=ROOT,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


def _serve() -> None:
    import sentence_transformers  # noqa: F401
    from transformers import AutoTokenizer, CLIPModel, VisionEncoderDecoderModel  # noqa: F401

    import bucketlens  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _be(asked)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _be(asked: Mapping[str, Any]) -> NoReturn:
    """The command, from here on."""
    import bucketlens

    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(asked["streams"], 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["bucketlens", *asked["arguments"]]
    code = 1
    try:
        bucketlens.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
