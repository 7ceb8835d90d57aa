"""Planning: what is listed and what is indexed -> what is to be done. No disk."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.image import ImageRecord, ImageRef
from ingest.pipeline.plan import CAPTIONED_OUTLINE, Absences, IdSet, explain_refusal, is_unchanged, plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = ImageRef("file:///p", "a.png", "file:///p/a.png", "1", 10, NOW)
RECORD = ImageRecord("id", "file:///p", "a.png", "file:///p/a.png", "1", 10, NOW, NOW, "indexed", "m")
FAILED = replace(RECORD, status="failed", error="damaged")


@pytest.mark.parametrize(
    ("ref", "known", "retry_failed", "kind"),
    [
        (REF, None, False, "add"),
        (REF, RECORD, False, "skip"),
        (replace(REF, etag="2"), RECORD, False, "update"),
        (replace(REF, bytes=11), RECORD, False, "skip"),
        (REF, FAILED, False, "skip"),
        (REF, FAILED, True, "update"),
        (REF, RECORD, True, "skip"),
        (replace(REF, etag="2"), FAILED, False, "update"),
        (REF, replace(FAILED, etag=""), False, "update"),
        (replace(REF, withheld="archived"), None, False, "withheld"),
        (replace(REF, withheld="archived"), RECORD, False, "skip"),
        (replace(REF, withheld="archived", etag="2"), RECORD, False, "withheld"),
        (replace(REF, withheld="archived"), FAILED, True, "withheld"),
        (replace(REF, again=True), RECORD, False, "recheck"),
        (replace(REF, again=True), FAILED, False, "recheck"),
        (replace(REF, again=True), None, False, "add"),
        (replace(REF, again=True, etag="2"), RECORD, False, "update"),
        (replace(REF, again=True, withheld="archived"), RECORD, False, "skip"),
        (replace(REF, pair="a.cr2"), RECORD, False, "relink"),
        (REF, replace(RECORD, pair="a.cr2"), False, "relink"),
        (replace(REF, captions=("a harbour",)), RECORD, False, "reword"),
        (
            replace(REF, captions=("a", "b")),
            replace(RECORD, captions=("a", "b"), caption_origin="human"),
            False,
            "skip",
        ),
        (replace(REF, etag="*"), RECORD, False, "skip"),
        (replace(REF, etag="*"), replace(RECORD, etag=""), False, "update"),
        (REF, replace(RECORD, width=300, height=100, content_hash="0"), False, "update"),
        (REF, replace(RECORD, width=300, height=100, content_hash="0", framing="tiles"), False, "skip"),
        (REF, replace(RECORD, width=300, height=200, content_hash="0"), False, "skip"),
    ],
)
def test_one_image(ref: ImageRef, known: ImageRecord | None, retry_failed: bool, kind: str) -> None:
    (step,) = plan([("id", ref)], {"id": known} if known else {}, retry_failed=retry_failed)
    assert (step.kind, step.id, step.ref, step.known) == (kind, "id", ref, known)
    if known is not None:
        outline = [getattr(known, name) for name in CAPTIONED_OUTLINE]
        assert is_unchanged(ref, outline, retry_failed=retry_failed) == (kind == "skip" and not ref.again)


def test_a_page_keeps_its_order() -> None:
    page = [(str(number), replace(REF, key=str(number))) for number in range(5)]
    steps = plan(page, {"2": replace(RECORD, id="2"), "9": replace(RECORD, id="9")})
    assert [(step.id, step.kind) for step in steps] == [
        ("0", "add"),
        ("1", "add"),
        ("2", "skip"),
        ("3", "add"),
        ("4", "add"),
    ]


@pytest.mark.parametrize(
    ("listed", "held", "gone", "lost", "confirmed", "refused"),
    [
        (100, 100, 0, 0, False, False),
        (90, 100, 10, 10, False, False),
        (89, 100, 11, 11, False, True),
        (89, 100, 11, 11, True, False),
        (900, 1000, 100, 100, False, False),
        (899, 1000, 101, 101, False, True),
        (1, 11, 10, 10, False, False),  # few may go from a small source
        (100, 100, 100, 0, False, False),  # all renamed: nothing is lost
        (100, 100, 100, 50, False, True),
        (0, 3, 3, 3, False, True),
        (0, 3, 3, 3, True, True),  # an empty listing is never believed
        (0, 0, 0, 0, False, False),
    ],
)
def test_deletions_that_look_like_a_mistake_are_refused(
    listed: int, held: int, gone: int, lost: int, confirmed: bool, refused: bool
) -> None:
    reason = explain_refusal(Absences("file:///p", listed, held, gone, lost), confirmed=confirmed)
    assert (reason is not None) == refused
    if reason is not None:
        assert "nothing was deleted" in reason and "again" in reason


@given(st.lists(st.uuids(), max_size=40), st.lists(st.uuids(), max_size=40))
def test_an_id_set_tells_what_is_absent(added: list[uuid.UUID], asked: list[uuid.UUID]) -> None:
    ids = IdSet()
    for each in added:
        ids.add(str(each))
    wanted = [str(each) for each in (*asked, *added[:5])]
    assert ids.find_absent(wanted) == [each for each in wanted if each not in {str(one) for one in added}]
    assert len(ids) == len(added)
    assert ids.count_repeated() == len(added) - len(set(added))


def test_ids_that_end_in_zeros_are_not_confused() -> None:
    ids = IdSet()
    ids.add("aa000000-0000-0000-0000-000000000000")
    assert ids.find_absent(["aa000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"]) == [
        "00000000-0000-0000-0000-000000000000"
    ]
    assert IdSet().find_absent(["00000000-0000-0000-0000-000000000000"]) == ["00000000-0000-0000-0000-000000000000"]


def test_what_is_removed_from_a_set_is_absent() -> None:
    ids = IdSet()
    there, removed, never = (str(uuid.UUID(int=n)) for n in range(3))
    ids.add(there)
    ids.add(removed)
    ids.remove(removed)
    assert ids.find_absent([there, removed, never]) == [removed, never]
