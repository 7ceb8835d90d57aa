"""A pool of supervised decode workers: a crash, hang or bomb costs its image and one worker, nothing else."""

import json
import logging
import os
import queue
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.adapters.decoding import protocol
from core.adapters.local.process import count_cores
from core.errors import BucketLensError, DecoderCrashed, DecoderTimeout, ImageError, ImageTooLarge
from core.errors.hints import RAISE_BYTES, TryAgain
from core.imaging.decode_request import Decoded, DecodeRequest, ImageLimits

_ROOT = Path(__file__).resolve().parent.parent.parent.parent
_START_SECONDS = 60.0
_EXIT_SECONDS = 1.0  # between the end of its answers and its own end
_CHUNK = 2**20
_NO_WORKER = "a decode worker did not start ({})"
_MAKE_ROOM = TryAgain("no image was judged by this: see that there is memory for a worker and room for temporary files")

_log = logging.getLogger(__name__)

_Job = tuple[bytes, DecodeRequest, "Future[Decoded]"]


class DecodeWorkers:
    """A Decoder over `workers` processes (default: one a core), each started when it is first needed.

    Safe to call from several threads. A future ends with the image's ImageError. It ends with BucketLensError where no
    worker can be started. The queue has no bound, so callers limit the number of unfinished futures.
    """

    def __init__(self, limits: ImageLimits, *, workers: int | None = None) -> None:
        self._limits = limits
        self._wanted = workers or count_cores()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._threads: list[threading.Thread] = []
        self._running: set[_Worker] = set()
        self._closed = False

    def submit(self, data: bytes, request: DecodeRequest) -> "Future[Decoded]":
        """Queue an image, and return the future of its pixels. Raises RuntimeError after `close`."""
        future: Future[Decoded] = Future()
        if len(data) > self._limits.max_bytes:
            reason = f"{len(data):,} bytes, over the limit of {self._limits.max_bytes:,}"
            future.set_exception(ImageTooLarge(reason, RAISE_BYTES))
            return future
        with self._lock:
            if self._closed:
                raise RuntimeError("these decode workers have been closed")
            self._jobs.put((data, request, future))
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, self._wanted):
                name = f"decode-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._supervise, name=name, daemon=True))
                self._threads[-1].start()
        return future

    def close(self) -> None:
        """Kill the workers at once, whatever they do, and cancel the images that are not decoded yet."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running = list(self._running)
        with suppress(queue.Empty):
            while job := self._jobs.get_nowait():
                job[2].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        for worker in running:
            worker.kill()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "DecodeWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _supervise(self) -> None:
        """Take jobs in one thread, and decode them in one worker process, which is replaced where it dies."""
        worker: _Worker | None = None
        while (job := self._jobs.get()) is not None:
            data, request, future = job
            decoded: Decoded | None = None
            error: Exception | None = None
            if future.set_running_or_notify_cancel():
                try:
                    if worker is None or not worker.alive:
                        self._end(worker)
                        worker = None
                        worker = self._start()
                    decoded = worker.decode(data, request)
                except Exception as raised:
                    error = raised
            with self._lock:
                self._unfinished -= 1
            if error is not None:
                future.set_exception(error)
            elif decoded is not None:
                future.set_result(decoded)
        self._end(worker)

    def _start(self) -> "_Worker":
        try:
            worker = _Worker(self._limits)
        except OSError as error:
            raise BucketLensError(_NO_WORKER.format(error), _MAKE_ROOM) from error
        with self._lock:
            self._running.add(worker)
            if self._closed:
                worker.kill()
        try:
            worker.wait_ready()
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: "_Worker | None") -> None:
        if worker is not None:
            with self._lock:
                self._running.discard(worker)
            worker.end()


class _Worker:
    """A worker process, used by one thread at a time; any thread may call `kill`."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._errors = tempfile.TemporaryFile()
        command = [sys.executable, "-P", "-m", "core.adapters.decoding.worker", str(os.getpid())]
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [*command, json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env=os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths), "MALLOC_ARENA_MAX": "1"},
            process_group=0,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._spent = False

    @property
    def alive(self) -> bool:
        return not self._spent and self._process.poll() is None

    def wait_ready(self) -> None:
        try:
            self._receive(protocol.MAX_HEADER, time.monotonic() + _START_SECONDS)
        except (EOFError, OSError, ValueError) as error:
            how = self._describe_exit()
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise BucketLensError(_NO_WORKER.format(", ".join(last) or how), _MAKE_ROOM) from error

    def decode(self, data: bytes, request: DecodeRequest) -> Decoded:
        deadline = time.monotonic() + self._limits.seconds
        try:
            self._send(protocol.pack_request(request, data), deadline)
            header, body = self._receive(protocol.max_body_bytes(request), deadline)
            self._spent = bool(header["retiring"])
            return protocol.read_decoded(header, body, request)
        except ImageError:
            raise
        except TimeoutError as error:
            self.kill()
            raise DecoderTimeout(self._limits.seconds) from error
        except (EOFError, OSError) as error:
            raise DecoderCrashed(f"the decoder died of it ({self._describe_exit()})") from error
        except Exception as error:  # what a codec that was taken over may send is not for us to list
            self.kill()
            raise DecoderCrashed("the decoder answered nonsense") from error

    def kill(self) -> None:
        self._spent = True  # at once: the process may take a moment to go
        self._process.kill()

    def end(self) -> None:
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()

    def _describe_exit(self) -> str:
        """Describe how the process ended, after a moment to end by itself, so that its own signal is reported."""
        self._spent = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        self.kill()
        code = self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        return f"signal {-code}" + (", perhaps for want of memory" if code == -9 else "")

    def _send(self, buffers: list[bytes | memoryview], deadline: float) -> None:
        """Write all buffers. The worker reads a whole request before it answers, so the pipes cannot deadlock.

        Raises TimeoutError, OSError.
        """
        waiting = deque(memoryview(buffer) for buffer in buffers)
        while waiting:
            if not waiting[0]:
                waiting.popleft()
                continue
            _wait(self._in, select.POLLOUT, deadline)
            with suppress(BlockingIOError):
                waiting[0] = waiting[0][os.write(self._in, waiting[0][:_CHUNK]) :]

    def _receive(self, max_body_bytes: int, deadline: float) -> tuple[dict[str, Any], memoryview]:
        header_bytes, body_bytes = protocol.LENGTHS.unpack(self._read(protocol.LENGTHS.size, deadline))
        if header_bytes > protocol.MAX_HEADER or body_bytes > max_body_bytes:
            raise ValueError("the answer of a decode worker is too long")
        header: dict[str, Any] = json.loads(bytes(self._read(header_bytes, deadline)))
        return header, self._read(body_bytes, deadline)

    def _read(self, count: int, deadline: float) -> memoryview:
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count:
            _wait(self._out, select.POLLIN, deadline)
            with suppress(BlockingIOError):
                got = os.readv(self._out, [buffer[filled:]])
                if got == 0:
                    raise EOFError
                filled += got
        return buffer


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Wait until the descriptor is ready or closed at the other end. Raises TimeoutError at the deadline."""
    poller = select.poll()
    poller.register(descriptor, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poller.poll(left * 1000):
        raise TimeoutError
