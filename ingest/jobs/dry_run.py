"""What an ingest would do, found out without changing anything."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from core.domain.ids import point_id
from core.domain.image import ImageRecord, ImageRef
from core.errors import Notice, StoreError
from core.ports.image_store import ImageStore, Remarking, Selective
from core.ports.scrolling import PAGE_SIZE
from core.ports.vector_index import VectorIndex
from ingest.jobs.full_sync import select_stores
from ingest.pipeline.plan import IdSet, Step, explain_refusal, plan
from ingest.pipeline.planner import plan_page
from ingest.pipeline.removal import count_excluded, count_indexed, find_absent, indexed_sources, may_lack

FIRST = 10
KINDS = ("add", "update", "delete", "skip")


@dataclass(slots=True)
class SourcePlan:
    """How many images of a source would be added, updated, deleted or skipped, and the first keys of each kind.

    `held_back` says why deletions would not be done, `problem` why the source could not be listed whole.
    """

    source: str
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    ignored: int = 0
    excluded: int = 0
    held_back: str | None = None
    problem: str | None = None

    def add(self, kind: str, key: str) -> None:
        self.counts[kind] += 1
        first = self.first.setdefault(kind, [])
        if len(first) < FIRST:
            first.append(key)

    def add_all(self, kind: str, refs: Sequence[ImageRef]) -> None:
        if refs:
            self.counts[kind] += len(refs)
            self.first[kind] += [ref.key for ref in refs[: FIRST - len(self.first[kind])]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            **{kind: self.counts[kind] for kind in self.first},
            "ignored": self.ignored,
            "excluded": self.excluded,
            "held_back": self.held_back,
            "problem": self.problem,
            "first": self.first,
        }


@dataclass(frozen=True, slots=True)
class DryRun:
    plans: tuple[SourcePlan, ...]
    notices: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return 1 if any(each.problem for each in self.plans) else 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "dry_run": True,
            "sources": [each.to_dict() for each in self.plans],
            "notices": [*self.notices, *(each.held_back for each in self.plans if each.held_back)],
        }


def dry_run(
    stores: Sequence[ImageStore],
    index: VectorIndex | None,
    *,
    retry_failed: bool = False,
    recheck: bool = False,
    confirm_deletes: bool = False,
) -> DryRun:
    """List every store and compare it with the index, which is None where there is no library yet.

    Raises UsageError as a run would.
    """
    notices: list[str] = []
    chosen = select_stores([] if index is None else indexed_sources(index), stores, notices)
    plans = tuple(
        _plan_source(store, index, retry_failed=retry_failed, recheck=recheck, confirm_deletes=confirm_deletes)
        for store in chosen
    )
    notices.extend(remark for store in chosen if isinstance(store, Remarking) for remark in store.remarks)
    return DryRun(plans, tuple(notices))


def _plan_source(
    store: ImageStore, index: VectorIndex | None, *, retry_failed: bool, recheck: bool, confirm_deletes: bool
) -> SourcePlan:
    found = SourcePlan(store.source)
    listed, known = IdSet(), 0
    try:
        for page in _pages(store):
            listed.update(image_id for image_id, _ in page)
            if recheck:
                page = [(image_id, replace(ref, again=True)) for image_id, ref in page]
            if index is None:
                steps: Sequence[Step] = plan(page, {}, retry_failed=retry_failed)
            else:
                planned = plan_page(index, page, retry_failed=retry_failed)
                steps = planned.steps
                known += planned.known
                found.add_all("skip", planned.unchanged)
            for step in steps:
                found.add(step.kind, step.ref.key)
    except StoreError as error:
        found.problem = Notice.quoting(error, after="; nothing would be deleted")
    if isinstance(store, Selective):
        found.excluded = count_excluded(store)
        found.ignored = sum(store.ignored.values()) - found.excluded
    if (
        index is not None
        and found.problem is None
        and may_lack(index, store.source, listed, known=known, held=count_indexed(index, store.source))
    ):

        def delete(record: ImageRecord) -> None:
            found.add("delete", record.key)

        absences = find_absent(index, store.source, listed, delete, excluded=found.excluded)
        found.held_back = explain_refusal(absences, confirmed=confirm_deletes)
    return found


def _pages(store: ImageStore) -> Iterator[list[tuple[str, ImageRef]]]:
    """Yield pages of a listing. What was listed before it fails comes out too."""
    listing = store.list()
    problem: StoreError | None = None
    while problem is None:
        page: list[tuple[str, ImageRef]] = []
        try:
            page.extend((point_id(ref.source, ref.key), ref) for ref in islice(listing, PAGE_SIZE))
        except StoreError as error:
            problem = error
        if not page and problem is None:
            return
        yield page
    raise problem
