"""A decode worker: it reads requests from standard input and answers on standard output.

It may be killed at any time. core.adapters.decoding.pool starts it as
`python -m core.adapters.decoding.worker PARENT_PID LIMITS_JSON`.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from PIL import AvifImagePlugin

from core.adapters.decoding import protocol
from core.errors import ImageError, ImageTooLarge
from core.imaging.decode_request import ImageLimits
from core.imaging.decoder import decode

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GROWTH = 256 * 2**20  # bytes of resident memory over those at the start, after which a worker retires
_IMAGES = 10_000  # after which it retires wherever its memory cannot be read
_GRACE = 5  # seconds after its parent should have killed it, until a worker ends itself


def main() -> None:
    """Serve the parent process until its input ends or the worker retires."""
    parent, limits = int(sys.argv[1]), ImageLimits(**json.loads(sys.argv[2]))
    _die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent decides; a Ctrl-C reaches the whole group
        signal.signal(number, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # codecs that print must not garble the answers
    _limit_memory(limits.memory_bytes)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    _send(answers, protocol.pack_frame({"ready": True}))
    os.dup2(silence, 2)
    _serve(requests, answers, limits)


def _serve(requests: BinaryIO, answers: BinaryIO, limits: ImageLimits) -> None:
    baseline = _resident_bytes()
    for count in range(1, _IMAGES + 1):
        lengths = requests.read(protocol.LENGTHS.size)
        if len(lengths) < protocol.LENGTHS.size:
            return
        header_bytes, body_bytes = protocol.LENGTHS.unpack(lengths)
        header = json.loads(requests.read(header_bytes))
        request, data = protocol.read_request(header, requests.read(body_bytes))
        signal.setitimer(signal.ITIMER_REAL, limits.seconds + _GRACE)  # SIGALRM ends it even inside a codec
        try:
            decoded = decode(data, request, limits)
        except ImageError as error:
            starved = isinstance(error, ImageTooLarge) and isinstance(error.__cause__, MemoryError)
            retiring = starved or count == _IMAGES or _resident_bytes() > baseline + _GROWTH
            reply = protocol.pack_error(error, retiring=retiring)
        else:
            retiring = count == _IMAGES or _resident_bytes() > baseline + _GROWTH
            reply = protocol.pack_decoded(decoded, retiring=retiring)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, reply)
        if retiring:
            return


def _send(answers: BinaryIO, buffers: list[bytes | memoryview]) -> None:
    for buffer in buffers:
        answers.write(buffer)
    answers.flush()


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux); elsewhere the end of input ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit()


def _limit_memory(allowance: int) -> None:
    """Let this process grow by `allowance` bytes of address space from where it is now, and leave no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + allowance
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
