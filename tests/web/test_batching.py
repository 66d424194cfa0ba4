"""Drawing for many at once: together, in turns, and for nobody who has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from captiongan.web.batching import PIECE, Drawer, Pixels, Rows
from captiongan.web.errors import RefusedError
from captiongan.web.limits import Limits


class Brush:
    """Draws for each row of noise a pixel of its number, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.broken = False

    def draw(self, noise: Rows, embedding: Rows) -> Pixels:
        if self.broken:
            raise RuntimeError("out of paint")
        assert np.array_equal(noise, embedding)
        self.batches.append(noise[:, 0].astype(int).tolist())
        return noise.astype(np.uint8).reshape(-1, 1, 1, 1)


def rows(first: int, count: int) -> Rows:
    return np.arange(first, first + count, dtype=np.float32)[:, None]


def numbers(pixels: Pixels) -> list[int]:
    return [int(number) for number in pixels.ravel()]


Scene = Callable[[Drawer, Brush], Awaitable[None]]


def play(scene: Scene, limits: Limits = Limits(batch=16)) -> Brush:  # noqa: B008
    """Run a scene with a drawer at work."""
    brush = Brush()

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            drawer = Drawer(brush.draw, thread, limits, lambda _: None)
            work = asyncio.create_task(drawer.work())
            try:
                await scene(drawer, brush)
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work

    asyncio.run(run())
    return brush


def test_what_comes_together_is_drawn_together_and_given_back_to_whom_it_belongs() -> None:
    async def scene(drawer: Drawer, _: Brush) -> None:
        jobs = [(0, 3), (10, 1), (20, 5)]
        drawn = await asyncio.gather(*(drawer.draw(rows(*job), rows(*job)) for job in jobs))
        assert [numbers(each) for each in drawn] == [[0, 1, 2], [10], [20, 21, 22, 23, 24]]

    assert len(play(scene).batches) == 1


def test_no_batch_has_more_pictures_than_the_limit_and_none_is_lost() -> None:
    async def scene(drawer: Drawer, _: Brush) -> None:
        jobs = [(0, 50), (50, 1), (60, 37)]
        drawn = await asyncio.gather(*(drawer.draw(rows(*job), rows(*job)) for job in jobs))
        for (first, count), each in zip(jobs, drawn, strict=True):
            assert numbers(each) == list(range(first, first + count))

    brush = play(scene)
    assert max(map(len, brush.batches)) == 16
    assert sum(map(len, brush.batches)) == 88


def test_a_small_request_does_not_wait_for_a_big_one_before_it() -> None:
    async def scene(drawer: Drawer, _: Brush) -> None:
        big = asyncio.create_task(drawer.draw(rows(0, 100), rows(0, 100)))
        await asyncio.sleep(0)
        assert numbers(await drawer.draw(rows(200, 2), rows(200, 2))) == [200, 201]
        assert not big.done()
        assert numbers(await big) == list(range(100))

    assert play(scene).batches[0] == [*range(PIECE), 200, 201, *range(PIECE, 14)]


def test_rows_of_one_who_has_gone_are_not_drawn() -> None:
    async def scene(drawer: Drawer, _: Brush) -> None:
        gone = asyncio.create_task(drawer.draw(rows(100, 30), rows(100, 30)))
        stays = asyncio.create_task(drawer.draw(rows(0, 2), rows(0, 2)))
        await asyncio.sleep(0)
        assert drawer.waiting == 32
        gone.cancel()
        await asyncio.sleep(0)
        assert drawer.waiting == 2
        assert numbers(await stays) == [0, 1]

    assert play(scene).batches == [[0, 1]]


def test_what_would_wait_too_long_is_refused_and_the_rest_goes_on() -> None:
    async def scene(drawer: Drawer, _: Brush) -> None:
        first = asyncio.create_task(drawer.draw(rows(0, 8), rows(0, 8)))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError, match="8 pictures are waiting") as caught:
            await drawer.draw(rows(0, 3), rows(0, 3))
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "2")
        assert len(await first) == 8

    play(scene, Limits(queue=10))


def test_a_batch_that_fails_fails_alone() -> None:
    async def scene(drawer: Drawer, brush: Brush) -> None:
        brush.broken = True
        with pytest.raises(RuntimeError, match="out of paint"):
            await drawer.draw(rows(0, 40), rows(0, 40))
        brush.broken = False
        assert numbers(await drawer.draw(rows(7, 1), rows(7, 1))) == [7]
        assert drawer.waiting == 0

    play(scene)
