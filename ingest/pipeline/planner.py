"""Lists a source and plans it page by page, ahead of those who do the work."""

import queue
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from core.domain.ids import point_id
from core.domain.image import ImageRef
from core.errors import StoreError
from core.ports.image_store import ImageStore
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from ingest.pipeline.plan import CAPTIONED_OUTLINE, OUTLINE, IdSet, Step, is_unchanged, plan
from ingest.pipeline.run_context import retry_while_busy
from ingest.telemetry.observer import NULL_OBSERVER, Observer, time_stage

_AHEAD = 20_000  # steps; about 20 MB


@dataclass(frozen=True, slots=True)
class PagePlan:
    """The plan of a page of a listing: `known` images are indexed, of which the `unchanged` have no step."""

    steps: Sequence[Step]
    known: int
    unchanged: Sequence[ImageRef]


def plan_page(index: VectorIndex, page: Sequence[tuple[str, ImageRef]], *, retry_failed: bool) -> PagePlan:
    """Plan a page of (id, ref). Whole records are read only of images with which there may be something to do."""
    ids = [image_id for image_id, _ in page]
    names = CAPTIONED_OUTLINE if any(ref.captions for _, ref in page) else OUTLINE
    outlines = retry_while_busy(index.fields, ids, names)
    unchanged: list[ImageRef] = []
    rest: list[tuple[str, ImageRef]] = []
    for image_id, ref in page:
        outline = outlines.get(image_id)
        if outline is not None and is_unchanged(ref, outline, retry_failed=retry_failed):
            unchanged.append(ref)
        else:
            rest.append((image_id, ref))
    changed = [image_id for image_id, _ in rest if image_id in outlines]
    known = retry_while_busy(index.fetch, changed) if changed else {}
    return PagePlan(plan(rest, known, retry_failed=retry_failed), len(outlines), unchanged)


class Planner:
    """Plans in a thread of its own. Steps that need work come out; `skipped` counts the others.

    `total` is the number of images to work on, known once everything has been listed.
    `archived` counts, by reason, those that would be worked on if they could be read.
    `problem`, after the last step, says why the listing is not complete, where it is not.
    `known` of the listed images are indexed; `forgotten` of them were deleted after they had been listed.
    `recheck`: every image is to be read again, whatever its etag says.
    """

    def __init__(
        self,
        store: ImageStore,
        index: VectorIndex,
        *,
        retry_failed: bool,
        recheck: bool = False,
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        self.listed = IdSet()
        self.known = 0
        self.forgotten = 0
        self.skipped = 0
        self.archived: Counter[str] = Counter()
        self.total: int | None = None
        self.problem: StoreError | None = None
        self._store = store
        self._index = index
        self._retry_failed = retry_failed
        self._recheck = recheck
        self._observer = observer
        self._steps: queue.Queue[Step | None] = queue.Queue(_AHEAD)
        self._ended = False
        self._error: BaseException | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="planner", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the last step has been taken."""
        return self._ended

    def next(self, wait_s: float) -> Step | None:
        """Return the next step, or None where there is none yet, or (when `ended`) none any more.

        Raises what planning raised.
        """
        if self._ended:
            return None
        try:
            step = self._steps.get(timeout=wait_s) if wait_s else self._steps.get_nowait()
        except queue.Empty:
            return None
        if step is None:
            self._ended = True
            if self._error is not None:
                raise self._error
        return step

    def forget(self, step: Step) -> None:
        """Take back that this image was listed: it has been deleted since."""
        self.listed.remove(step.id)
        self.forgotten += step.known is not None

    def close(self) -> None:
        """End the planning, wherever it is, within a page of the listing."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        try:
            for step in self._plan():
                count += 1
                self._put(step)
                if self._closing.is_set():
                    return
        except StoreError as error:
            self.problem = error
        except BaseException as error:
            self._error = error
        self.total = count
        self._put(None)

    def _plan(self) -> Iterator[Step]:
        listing = self._store.list()
        problem: StoreError | None = None
        while problem is None and not self._closing.is_set():
            page: list[tuple[str, ImageRef]] = []
            try:
                with time_stage(self._observer, "list"):
                    page.extend((point_id(ref.source, ref.key), ref) for ref in islice(listing, PAGE_SIZE))
            except StoreError as error:
                problem = error
            if not page and problem is None:
                return
            self.listed.update(image_id for image_id, _ in page)
            if self._recheck:
                page = [(image_id, replace(ref, again=True)) for image_id, ref in page]
            planned = plan_page(self._index, page, retry_failed=self._retry_failed)
            self.known += planned.known
            self.skipped += len(planned.unchanged)
            for step in planned.steps:
                if step.kind == "withheld":
                    self.archived[str(step.ref.withheld)] += 1
                elif step.kind == "skip":
                    self.skipped += 1
                else:
                    yield step
        if problem is not None:
            raise problem

    def _put(self, step: Step | None) -> None:
        while not self._closing.is_set():
            with suppress(queue.Full):
                self._steps.put(step, timeout=0.2)
                return
