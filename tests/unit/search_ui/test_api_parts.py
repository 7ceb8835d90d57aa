"""The parts of the HTTP API that no server is needed for: the queue, the rate, the errors."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from core import errors
from core.domain.query import Weights
from search_ui.api.api_errors import Refusal, of
from search_ui.api.guard import RateLimit, _rate_window
from search_ui.api.request_pool import ClientGoneError, Going, RequestPool
from search_ui.api.schemas import FacetsBody, QueryBody, SearchBody

WAIT = 10.0


async def _stays() -> dict[str, str]:
    await asyncio.Event().wait()
    return {}


async def _leaves() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not true():
            await asyncio.sleep(0.001)


def _run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread of its own: an open browser keeps a loop going in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(scenario())).result(timeout=2 * WAIT)


def test_who_hangs_up_before_the_turn_costs_nothing() -> None:
    go, done = threading.Event(), []

    async def scenario() -> None:
        pool = RequestPool(1, 1)
        first = asyncio.create_task(pool.run(lambda _: go.wait(WAIT), _stays))
        await _until(lambda: pool.in_flight == 1)
        with pytest.raises(ClientGoneError):
            await pool.run(lambda _: done.append("second"), _leaves)
        assert pool.in_flight == 1
        third = asyncio.create_task(pool.run(lambda _: done.append("third"), _stays))
        await _until(lambda: pool.in_flight == 2)
        with pytest.raises(Refusal) as refused:
            await pool.run(lambda _: done.append("fourth"), _stays)
        assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "overloaded", 1)
        go.set()
        assert await first
        await third
        await _until(lambda: pool.in_flight == 0)
        pool.close()

    _run(scenario)
    assert done == ["third"]


def test_who_hangs_up_later_costs_no_more_than_the_part_at_work() -> None:
    began, go, parts = threading.Event(), threading.Event(), []

    def work(going: Going) -> None:
        for part in ("first", "second"):
            going()
            parts.append(part)
            began.set()
            go.wait(WAIT)

    async def leaves_then() -> dict[str, str]:
        await _until(began.is_set)
        return {"type": "http.disconnect"}

    async def scenario() -> None:
        pool = RequestPool(1, 0)
        with pytest.raises(ClientGoneError):
            await pool.run(work, leaves_then)
        go.set()
        await _until(lambda: pool.in_flight == 0)
        pool.close()

    _run(scenario)
    assert parts == ["first"]


def test_an_error_of_the_work_is_raised_and_leaves_room() -> None:
    def fail(_: Going) -> None:
        raise KeyError("lost")

    async def scenario() -> None:
        pool = RequestPool(1, 0)
        for _ in range(3):
            with pytest.raises(KeyError):
                await pool.run(fail, _stays)
            await _until(lambda: pool.in_flight == 0)
        pool.close()
        with pytest.raises(Refusal):
            await pool.run(fail, _stays)

    _run(scenario)


def test_a_rate_lets_bursts_through_and_then_so_many_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    async def scenario() -> None:
        rate = RateLimit(2.0)
        assert [await rate.wait_s("a") for _ in range(4)] == [0, 0, 0, 0]
        assert await rate.wait_s("a") == pytest.approx(2.0)
        assert await rate.wait_s("b") == 0
        now[0] += 1.5
        assert await rate.wait_s("a") == pytest.approx(0.5)
        now[0] += 0.5
        assert [await rate.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, pytest.approx(2.0)]
        assert not any([await RateLimit(0).wait_s("a") for _ in range(1000)])

    _run(scenario)


@pytest.mark.parametrize(
    ("per_second", "requests", "seconds"),
    [(100.0, 200, 2), (2.5, 5, 2), (0.75, 3, 4), (0.2, 1, 5), (0.3, 3, 10), (1e6, 2_000_000, 2), (1e-9, 1, 86_400)],
)
def test_a_rate_is_kept_exactly_in_whole_seconds(per_second: float, requests: int, seconds: int) -> None:
    window = _rate_window(per_second)
    assert (window.amount, window.get_expiry()) == (requests, seconds)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (errors.InvalidQuery("text", "x" * 10**6, "less"), 422, None),
        (errors.ImageTooLarge("too many bytes"), 413, None),
        (errors.DecoderTimeout(20), 422, None),
        (errors.ImageNotIndexed("1"), 422, None),
        (errors.ModelUnavailable("m", "no network"), 503, None),
        (errors.LibraryBusy("the library"), 503, 2),
        (errors.LibraryMissing(Path("data")), 503, 5),
        (errors.LibraryDamaged("gone"), 503, None),
        (errors.StoreError("gone"), 500, None),
    ],
)
def test_every_error_has_an_answer(error: errors.BucketLensError, status: int, retry: int | None) -> None:
    refusal = of(error)
    assert (refusal.status, refusal.retry_after) == (status, retry)
    assert refusal.message and refusal.what_to_do and len(refusal.response().body) < 2000


@pytest.mark.parametrize("kind", [SearchBody, FacetsBody])
def test_weights_of_some_lists_leave_the_others_as_set(kind: type[QueryBody]) -> None:
    usual = Weights(0.5, 0.3, 4)
    body = TypeAdapter(kind)
    asked = body.validate_python({"terms": [{"text": "dog"}], "weights": {"image": 2}})
    assert asked.query(usual).weights == Weights(2, 0.3, 4)
    assert body.validate_python({"weights": {}}).query(usual).weights == usual
    assert body.validate_python({}).query(usual).weights is None
    every = {field.name: 0.5 for field in fields(Weights)}
    assert body.validate_python({"weights": every}).query(usual).weights == Weights(**every), "every list has a weight"
