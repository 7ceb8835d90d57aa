"""Commands as forks of one process that has loaded the model libraries: importing them takes seconds each time.

What starting costs and how a process ends is other tests' business; these run `bucketlens.main` on whole command lines.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.e2e.commands import ROOT, environment


class WarmCommands:
    """Runs one command after the other."""

    def __enter__(self) -> "WarmCommands":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.warm_commands"],
            cwd=ROOT,
            env=environment(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.__exit__(kind, error, trace)

    def run(self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: Path) -> int:
        """The exit code; standard output goes into the file."""
        asked = {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env), "output": str(output)}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _serve() -> None:
    import sentence_transformers  # noqa: F401
    from transformers import AutoTokenizer, CLIPModel, VisionEncoderDecoderModel  # noqa: F401

    import bucketlens  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _be(asked["arguments"], asked["cwd"], asked["env"], asked["output"])
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _be(arguments: list[str], cwd: str, env: dict[str, str], output: str) -> None:
    """The command, from here on."""
    import bucketlens

    os.chdir(cwd)
    os.environ.update(env)
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    sys.argv = ["bucketlens", *arguments]
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
