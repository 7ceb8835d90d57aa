"""Processes as forks of one that has loaded the model libraries and Streamlit: importing them takes seconds each time.

Each gets a whole command line, a folder, an environment, streams and a session of its own, ends on signals as others
do, and tells its exit code. What starting costs, and how the real command ends, is tested on real ones.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn, Self

ROOT = Path(__file__).resolve().parents[3]
_LONGEST = 2**20  # a message: arguments and environment


class WarmProcess:
    """What a test needs of `subprocess.Popen`, with what was written to stderr in a file."""

    def __init__(self, arguments: Sequence[str], pid: int, stdout: IO[str], stderr: IO[str], told: IO[bytes]) -> None:
        self.arguments, self.pid = arguments, pid
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._told = told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()
        self.stderr.close()
        self._told.close()

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative where a signal killed it. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
            self.returncode = int(self._told.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """The rest of stdout, and all of stderr, at its end. Kills it and raises TimeoutExpired if that is late."""
        with self._in_time(timeout):
            rest = self.stdout.read()
            self.wait()
        self.stderr.seek(0)
        return rest, self.stderr.read()

    @contextmanager
    def _in_time(self, timeout: float | None) -> Iterator[None]:
        late = threading.Event()

        def end() -> None:
            late.set()
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

        timer = threading.Timer(timeout or 0, end)
        if timeout is not None:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if late.is_set():
            raise subprocess.TimeoutExpired(self.arguments, timeout or 0)


class WarmProcesses:
    """Starts them; those that still run when it is closed are killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket

    def start(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stderr: IO[str] | None = None,
        main: str = "bucketlens.cli:main",
    ) -> WarmProcess:
        """`main` is called with these arguments in sys.argv; `stderr` is a file to write to, or any."""
        if self._process is None:
            self._warm_up(env)
        asked = {"main": main, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        message = json.dumps(asked).encode()
        assert len(message) < _LONGEST
        errors = stderr or TemporaryFile("a+")
        out, out_there = os.pipe()
        told, told_there = os.pipe()
        socket.send_fds(self._control, [len(message).to_bytes(4)], [out_there, errors.fileno(), told_there])
        self._control.sendall(message)
        for there in (out_there, told_there):
            os.close(there)
        words = open(told, "rb", buffering=0)
        pid = words.readline()
        assert pid, "the warm process ended"
        return WarmProcess(arguments, int(pid), open(out), errors, words)

    def run(self, arguments: Sequence[str], *, timeout: float, **more: Any) -> "subprocess.CompletedProcess[str]":
        """As `start`, to the end. Raises TimeoutExpired, as subprocess.run does."""
        with self.start(arguments, **more) as process:
            stdout, stderr = process.communicate(timeout)
        return subprocess.CompletedProcess(["bucketlens", *arguments], process.wait(), stdout, stderr)

    def close(self) -> None:
        if self._process is not None:
            self._control.close()
            self._process.wait()
            self._process = None

    def _warm_up(self, env: Mapping[str, str]) -> None:
        self._control, there = socket.socketpair()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.processes.warm_processes", str(there.fileno())],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )


class _Server:
    """The warm process. It runs nothing of what it imports: threads do not outlive a fork."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, int] = {}  # processes, and where their ends are told
        self._ended, ended = os.pipe()
        for end in (self._ended, ended):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(ended)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._control, self._ended], [], [])
            if self._ended in ready:
                os.read(self._ended, 4096)
                self._tell_ends()
            if self._control in ready and not self._start():
                break
        for process in self._running:
            os.killpg(process, signal.SIGKILL)
        self._tell_ends(wait=True)

    def _start(self) -> bool:
        """False where nobody asks any more."""
        length, streams, _, _ = socket.recv_fds(self._control, 4, 3)
        if not length:
            return False
        asked = json.loads(self._control.recv(int.from_bytes(length), socket.MSG_WAITALL))
        process = os.fork()
        if not process:
            _be(asked, *streams[:2], of_others=[*streams, self._control.fileno(), self._ended, *self._running.values()])
        *ours, told = streams
        for stream in ours:
            os.close(stream)
        self._running[process] = told
        os.write(told, b"%d\n" % process)
        return True

    def _tell_ends(self, *, wait: bool = False) -> None:
        for process, told in list(self._running.items()):
            ended, status = os.waitpid(process, 0 if wait else os.WNOHANG)
            if ended:
                with suppress(BrokenPipeError):  # a test that does not ask
                    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
                os.close(told)
                del self._running[process]


def _be(asked: Mapping[str, Any], stdout: int, stderr: int, of_others: Sequence[int]) -> NoReturn:
    """The process, from here on."""
    code = 1
    try:
        os.setsid()
        os.close(signal.set_wakeup_fd(-1))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        for number, stream in enumerate((stdout, stderr), 1):
            os.dup2(stream, number)
        for stream in of_others:
            os.close(stream)
        sys.argv = ["bucketlens", *asked["arguments"]]
        module, name = asked["main"].split(":")
        getattr(importlib.import_module(module), name)()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(control: int) -> None:
    import faiss  # noqa: F401
    import onnxruntime  # noqa: F401
    import pyarrow.compute  # noqa: F401
    import sentence_transformers  # noqa: F401
    import streamlit.web.bootstrap  # noqa: F401
    import uvicorn  # noqa: F401
    from transformers import AutoTokenizer, CLIPModel, VisionEncoderDecoderModel  # noqa: F401

    import bucketlens  # noqa: F401
    import core.adapters.decoding.pool
    import core.adapters.faiss_mirror.builder
    import core.adapters.models.captioners.vision_captioner
    import core.adapters.models.encoders.loader
    import core.adapters.models.runtimes.graph_towers
    import core.adapters.qdrant_edge.library  # noqa: F401
    import ingest.commands.ingest
    import ingest.jobs.full_sync  # noqa: F401
    import search_ui.commands.search
    import search_ui.server.app  # noqa: F401
    from core.text.inflections import lemmas

    lemmas("warm")  # its dictionary is read when it is first asked
    gc.freeze()
    with socket.socket(fileno=control) as asked:
        _Server(asked).serve()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
