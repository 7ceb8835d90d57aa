"""Trials: which runtime computes a tower of pictures the fastest on this machine, with the same answers."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.adapters.local.process import count_cores
from core.adapters.models.encoders.towers import ImageTower
from core.adapters.models.runtimes.choices import Choice, make_choice
from core.adapters.models.runtimes.trial_record import TrialRecord
from core.domain.vectors import Matrix, unit

log = logging.getLogger(__name__)

SAME = 0.9995  # the least cosine to torch's float32 of what counts as the same answers
FIRST = "torch-float32"  # what the others are compared with
NEAR = 0.95  # and of int8, which the user has to ask for
_SECONDS = 20.0  # by the clock, for all together; what is then left is not tried
_ROWS = 32
_REFERENCE_SECONDS = 0.7  # how long one run of the reference may take, which sets the rows of the trial
_REPEATS = 2
_FAR = 1.6  # how many times the best a first run may take before the candidate is given up
_IDLE = 2.0  # how many times as long as the best by the clock one may take that uses fewer cores


@dataclass(frozen=True, slots=True)
class Candidate:
    """A runtime by its name, and how its tower is loaded."""

    name: str
    load: Callable[[], ImageTower]
    least_cosine: float = SAME


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds a picture: of CPU, and by the clock."""

    cpu: float
    clock: float


class TrialsStopped(Exception):
    """The process was asked to stop before all candidates were tried."""


def try_candidates(
    reference: ImageTower,
    candidates: Iterator[Candidate],
    pixels: NDArray[np.uint8],
    *,
    on_cpu: bool,
    record: TrialRecord,
    stop: threading.Event | None = None,
) -> tuple[Choice, ImageTower]:
    """Try candidates on a batch of pictures, (N, S, S, 3) uint8; `reference` is torch in float32, and the first.

    On the CPU, what takes the least of it wins: decode workers want the same cores. Elsewhere the clock counts.
    `record` is of those during which the process died. Raises TrialsStopped between two candidates once `stop` is set.
    """
    ends = time.monotonic() + _SECONDS
    rows = _count_rows(reference, pixels)
    batch = pixels[:rows]
    wanted = unit(reference.encode(batch))
    costs = {FIRST: _measure(reference, batch)}
    cosines, refused = {FIRST: 1.0}, {}
    best, tower = FIRST, reference
    for candidate in candidates:
        if stop is not None and stop.is_set():
            raise TrialsStopped
        if time.monotonic() > ends:
            refused[candidate.name] = "there was no time to try it"
            continue
        if record.is_deadly(candidate.name):
            refused[candidate.name] = "the process died each time that it was tried"
            continue
        with record.trying(candidate.name):
            try:
                loaded = candidate.load()
                began = _now()
                got = unit(loaded.encode(batch))
            except Exception as error:  # several vendors' exceptions, of every kind: one that fails is not chosen
                log.info("runtime not usable runtime=%s error=%r", candidate.name, error)
                refused[candidate.name] = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
                continue
            cosines[candidate.name] = _compare(got, wanted)
            if not cosines[candidate.name] >= candidate.least_cosine:
                refused[candidate.name] = f"its answers differ: cosine {cosines[candidate.name]:.5f}"
                continue
            cost = _since(began, len(batch))
            if _weigh(cost, on_cpu) < _FAR * _weigh(costs[best], on_cpu):
                cost = _measure(loaded, batch)
        costs[candidate.name] = cost
        if _wins(cost, costs[best], on_cpu):
            best, tower = candidate.name, loaded
    milliseconds = {name: 1000 * _weigh(cost, on_cpu) for name, cost in costs.items()}
    return make_choice(best, milliseconds, cosines, refused), tower


def _count_rows(reference: ImageTower, pixels: NDArray[np.uint8]) -> int:
    reference.encode(pixels[:2])
    began = _now()
    reference.encode(pixels[:2])
    one = _since(began, 2)
    seconds = max(one.cpu / count_cores(), 1e-6)
    return int(min(len(pixels), _ROWS, max(2, _REFERENCE_SECONDS / seconds)))


def _measure(tower: ImageTower, batch: NDArray[np.uint8]) -> _Cost:
    costs = []
    for _ in range(_REPEATS):
        began = _now()
        tower.encode(batch)
        costs.append(_since(began, len(batch)))
    return _Cost(min(cost.cpu for cost in costs), min(cost.clock for cost in costs))


def _wins(cost: _Cost, best: _Cost, on_cpu: bool) -> bool:
    if on_cpu and cost.clock > _IDLE * best.clock:
        return False  # it takes less of the CPU, and leaves cores idle
    return _weigh(cost, on_cpu) < _weigh(best, on_cpu)


def _weigh(cost: _Cost, on_cpu: bool) -> float:
    return cost.cpu if on_cpu else cost.clock


def _compare(got: Matrix, wanted: Matrix) -> float:
    return float((got * wanted).sum(1).min()) if got.shape == wanted.shape else 0.0


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _since(began: tuple[float, float], rows: int) -> _Cost:
    cpu, clock = _now()
    return _Cost((cpu - began[0]) / rows, (clock - began[1]) / rows)
