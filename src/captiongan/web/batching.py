"""Batching: requests that arrive together go through the generator together.

All bookkeeping happens on the event loop and needs no locks; only the generator runs in a thread.
No picture depends on the others in its batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from captiongan.web.errors import RefusedError
from captiongan.web.limits import Limits

Rows = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

PIECE = 8
"""Rows that a job puts into a batch before the next job's turn, so that small jobs wait less."""


@dataclass(eq=False)
class _Job:
    noise: Rows
    embedding: Rows
    done: asyncio.Future[Pixels]
    taken: int = 0
    drawn: list[Pixels] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Number of rows that are not in a batch yet; 0 once nobody waits for the job."""
        return 0 if self.done.done() else len(self.noise) - self.taken

    def take(self, most: int) -> slice:
        rows = slice(self.taken, min(self.taken + most, len(self.noise)))
        self.taken = rows.stop
        return rows

    def deliver(self, pixels: Pixels) -> None:
        self.drawn.append(pixels)
        if sum(map(len, self.drawn)) == len(self.noise) and not self.done.done():
            self.done.set_result(np.concatenate(self.drawn))


class Drawer:
    """Draws the rows of all jobs with one generator, batch by batch.

    Args:
        draw: `Pipeline.draw`.
        thread: runs `draw`.
        limits: size of a batch, time to fill it, and length of the queue.
        drew: receives the number of pictures of each batch.
    """

    def __init__(
        self,
        draw: Callable[[Rows, Rows], Pixels],
        thread: Executor,
        limits: Limits,
        drew: Callable[[int], None],
    ) -> None:
        self._draw = draw
        self._thread = thread
        self._limits = limits
        self._drew = drew
        self._jobs: deque[_Job] = deque()
        self._arrived = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Number of requested pictures that are not being drawn yet."""
        return sum(job.left for job in self._jobs)

    async def draw(self, noise: Rows, embedding: Rows) -> Pixels:
        """Draw one picture for each row: (N, H, W, 3) uint8.

        If it is cancelled, the rows that are not being drawn yet are dropped. Raises RefusedError
        (503) if too many pictures are waiting.
        """
        if self.waiting + len(noise) > self._limits.queue:
            raise RefusedError.busy(f"{self.waiting} pictures are waiting to be drawn")
        job = _Job(noise, embedding, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._arrived.set()
        return await job.done

    async def work(self) -> None:
        """Draw until cancelled."""
        while True:
            await self._arrived.wait()
            if self.waiting < self._limits.batch:
                await asyncio.sleep(self._limits.window)
            parts = self._next_batch()
            if parts:
                await self._draw_batch(parts)
            if not self._jobs:
                self._arrived.clear()

    def _next_batch(self) -> list[tuple[_Job, slice]]:
        """Take a few rows of each job in turn, until the batch is full or no row is left."""
        parts, room = [], self._limits.batch
        while room and self._jobs:
            job = self._jobs.popleft()
            if job.left:
                rows = job.take(min(PIECE, room))
                room -= rows.stop - rows.start
                parts.append((job, rows))
            if job.left:
                self._jobs.append(job)
        return parts

    async def _draw_batch(self, parts: list[tuple[_Job, slice]]) -> None:
        noise = np.concatenate([job.noise[rows] for job, rows in parts])
        embedding = np.concatenate([job.embedding[rows] for job, rows in parts])
        loop = asyncio.get_running_loop()
        try:
            pixels = await loop.run_in_executor(self._thread, self._draw, noise, embedding)
        except Exception as error:
            for job, _ in parts:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        self._drew(len(pixels))
        ends = np.cumsum([rows.stop - rows.start for _, rows in parts])
        for (job, _), drawn in zip(parts, np.split(pixels, ends[:-1]), strict=True):
            job.deliver(drawn)
