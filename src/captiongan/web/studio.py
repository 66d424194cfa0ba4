"""The open bundles, and the threads that work for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from captiongan.draw.pipeline import Pipeline
from captiongan.draw.plan import Plan
from captiongan.errors import CaptionganError
from captiongan.web.batching import Drawer
from captiongan.web.errors import RefusedError
from captiongan.web.limits import Limits
from captiongan.web.metrics import Metrics

Drawn = TypeVar("Drawn")
Given = ParamSpec("Given")

DESKS = 2
"""Threads that read prompts and rank and encode pictures, beside the one that draws."""


class Studio:
    """The pipelines, by the names of their bundles; the first one is the default.

    One thread draws for all of them, because ONNX Runtime spreads a batch over the cores itself.
    """

    def __init__(self, pipelines: Sequence[Pipeline], limits: Limits, metrics: Metrics) -> None:
        self._pipelines: dict[str, Pipeline] = {}
        for pipeline in pipelines:
            name = pipeline.manifest.name
            if name in self._pipelines:
                raise CaptionganError(
                    f"bundle '{name}' is there twice; give one of the two another name with "
                    "`captiongan export --name`"
                )
            self._pipelines[name] = pipeline
        self.default = pipelines[0].manifest.name
        self._thread = ThreadPoolExecutor(1, "draw")
        self._desks = ThreadPoolExecutor(DESKS, "desk")
        self._drawers = {
            name: Drawer(pipeline.draw, self._thread, limits, partial(metrics.drew, name))
            for name, pipeline in self._pipelines.items()
        }
        metrics.watch_queue(lambda: sum(each.waiting for each in self._drawers.values()))

    @property
    def pipelines(self) -> Sequence[Pipeline]:
        """All open pipelines."""
        return list(self._pipelines.values())

    def pipeline(self, name: str | None) -> Pipeline:
        """Return the pipeline of a bundle, or the default; raises RefusedError (404)."""
        chosen = self._pipelines.get(self.default if name is None else name)
        if chosen is None:
            raise RefusedError(
                404,
                f"bundle {name!a:.100} is not open here; choose {', '.join(self._pipelines)}",
                "bundle",
            )
        return chosen

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Draw for requests as long as the block lasts."""
        work = [asyncio.create_task(drawer.work()) for drawer in self._drawers.values()]
        try:
            yield
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self._thread.shutdown(cancel_futures=True)
            self._desks.shutdown(cancel_futures=True)

    async def draw(self, pipeline: Pipeline, plan: Plan[Drawn]) -> Drawn:
        """Draw a plan of one of the pipelines, in batches with other requests."""
        drawer = self._drawers[pipeline.manifest.name]
        return await self.aside(plan.result, await drawer.draw(plan.noise, plan.embedding))

    async def aside(
        self, work: Callable[Given, Drawn], *args: Given.args, **kwargs: Given.kwargs
    ) -> Drawn:
        """Do some work beside the event loop; if it is cancelled before it starts, drop it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._desks, partial(work, *args, **kwargs))
