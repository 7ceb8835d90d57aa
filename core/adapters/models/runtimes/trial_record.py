"""On record before each trial, so that what crashes the process, or takes all memory, is not tried for ever."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core.adapters.models.files.machine_file import CHOICES, MachineFile
from core.adapters.models.runtimes.choices import read_versions

log = logging.getLogger(__name__)

_DEADLY = 2  # trials in a row that did not end; one may be the work of somebody who ended the process


class TrialRecord:
    """How many trials of each runtime, or exports, with one model on this machine, began and have not ended."""

    def __init__(self, fingerprint: str, device: str) -> None:
        self._prefix = f"trials {fingerprint} {device} {read_versions()}"

    def is_deadly(self, runtime: str) -> bool:
        """Whether the process died in the trials of a runtime. That is told once: the next time it is tried again."""
        if self._count(runtime) < _DEADLY:
            return False
        self._keep(runtime, None)
        return True

    @contextmanager
    def trying(self, runtime: str) -> Iterator[None]:
        """Have a trial on record while this is entered."""
        before = self._count(runtime)
        self._keep(runtime, before + 1)
        try:
            yield
        finally:
            self._keep(runtime, None)

    def _count(self, runtime: str) -> int:
        kept = MachineFile(CHOICES).read(f"{self._prefix} {runtime}")
        return kept if isinstance(kept, int) else 0

    def _keep(self, runtime: str, count: int | None) -> None:
        try:
            MachineFile(CHOICES).keep(f"{self._prefix} {runtime}", count)
        except OSError as error:
            log.info("trials cannot be kept on record: %s", error)
