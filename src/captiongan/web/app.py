"""The application of the drawing server: its routes. The studio and the pipelines do the work."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from captiongan.draw.pipeline import Pipeline
from captiongan.page.page import page_file
from captiongan.version import __version__
from captiongan.web.access import Access
from captiongan.web.descriptions import bundle_facts, limit_facts
from captiongan.web.errors import RefusedError, answer_errors
from captiongan.web.guard import guard
from captiongan.web.limits import Limits
from captiongan.web.metrics import CONTENT_TYPE, Metrics
from captiongan.web.responses import explained, generated, interpolated
from captiongan.web.schema import (
    BundlesAnswer,
    ExplainAnswer,
    ExplainRequest,
    GenerateAnswer,
    GenerateRequest,
    Health,
    InterpolateAnswer,
    InterpolateRequest,
    errors,
)
from captiongan.web.static_files import add_static_files
from captiongan.web.studio import Studio

DRAWING_ERRORS = errors(
    _400="The body is not JSON.",
    _401="The token is missing or wrong.",
    _403="A page of another origin asks.",
    _404="The bundle is not open.",
    _408="The body takes too long.",
    _413="The body is too long.",
    _422="A field breaks a rule, or the bundle knows too few words of a prompt.",
    _503="Too much is asked for at once; Retry-After says when to try again.",
    _504="It took too long.",
)

OTHER_ERRORS = errors(_401="The token is missing or wrong.", _403="A page of another origin asks.")


def create_app(
    pipelines: Sequence[Pipeline],
    limits: Limits | None = None,
    access: Access | None = None,
) -> FastAPI:
    """Return the application that draws with `pipelines`, of which the first is the default.

    Raises CaptionganError if two have the same name.
    """
    limits, access, metrics = limits or Limits(), access or Access(), Metrics()
    studio = Studio(pipelines, limits, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with studio.open():
            yield

    app = FastAPI(
        title="captiongan",
        version=__version__,
        description="Draws pictures from sentences.",
        docs_url=None,  # they would fetch scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    guard(app, limits, access, metrics.answered)
    answer_errors(app)
    add_static_files(app, "index.html")
    _add_facts(app, studio, limits, metrics)
    _add_drawing(app, studio, limits)
    _add_page(app, studio)
    return app


def _add_facts(app: FastAPI, studio: Studio, limits: Limits, metrics: Metrics) -> None:
    facts = BundlesAnswer(
        default=studio.default,
        bundles=[bundle_facts(pipeline) for pipeline in studio.pipelines],
        limits=limit_facts(limits),
    )

    @app.get("/v1/bundles", responses=OTHER_ERRORS)
    async def bundles() -> BundlesAnswer:
        """The open bundles, and how much can be asked for at once."""
        return facts

    @app.get("/healthz", responses=errors(_403="A page of another origin asks."))
    async def healthz() -> Health:
        """Whether the server answers."""
        return Health(captiongan=__version__)

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **OTHER_ERRORS},
    )
    async def prometheus() -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)


def _add_drawing(app: FastAPI, studio: Studio, limits: Limits) -> None:
    @app.post(
        "/v1/generate",
        response_model=GenerateAnswer,
        responses=DRAWING_ERRORS | _pictures("png", "webp"),
    )
    async def generate(asked: GenerateRequest) -> Response:
        """Draw pictures of a prompt, or of several."""
        started, pipeline = time.perf_counter(), studio.pipeline(asked.bundle)
        prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        _at_most("prompt", "prompts", len(prompts), limits.prompts)
        _at_most("n", "pictures of each prompt", asked.n, limits.n)
        _at_most("n", "pictures in all", len(prompts) * asked.n, limits.pictures)
        drawn = len(prompts) * asked.n * asked.best_of
        _at_most("best_of", "candidates in all", drawn, limits.pictures)
        plan = await studio.aside(
            pipeline.plan,
            prompts,
            asked.n,
            asked.seed,
            asked.truncation,
            asked.around,
            asked.strength,
            asked.best_of,
        )
        pictures = await studio.draw(pipeline, plan)
        return await studio.aside(generated, asked.format, plan.readings, pictures, started)

    @app.post(
        "/v1/interpolate",
        response_model=InterpolateAnswer,
        responses=DRAWING_ERRORS | _pictures("png", "webp", "gif"),
    )
    async def interpolate(asked: InterpolateRequest) -> Response:
        """Draw the way from prompt to prompt, from seed to seed, or both."""
        started, pipeline = time.perf_counter(), studio.pipeline(asked.bundle)
        stops = max(len(asked.prompts), len(asked.seeds))
        _at_most("prompts", "stops", stops, limits.prompts)
        _at_most("steps", "steps", asked.steps, limits.steps)
        _at_most("steps", "pictures in all", (stops - 1) * (asked.steps - 1) + 1, limits.pictures)
        if not 1 <= asked.fps <= 50:
            raise RefusedError(
                422, f"fps {asked.fps} is not a number from 1 to 50; 12 look smooth", "fps"
            )
        plan = await studio.aside(
            pipeline.plan_interpolation, asked.prompts, asked.seeds, asked.steps, asked.truncation
        )
        way = await studio.draw(pipeline, plan)
        return await studio.aside(interpolated, asked.format, way, asked.fps, started)

    @app.post(
        "/v1/explain",
        response_model=ExplainAnswer,
        responses=DRAWING_ERRORS | _pictures("png"),
    )
    async def explain(asked: ExplainRequest) -> Response:
        """Draw a picture, and show what each word of its prompt changes in it."""
        started, pipeline = time.perf_counter(), studio.pipeline(asked.bundle)
        _at_most("prompt", "pictures in all", 1 + len(asked.prompt.split()), limits.pictures)
        plan = await studio.aside(
            pipeline.plan_explanation, asked.prompt, asked.seed, asked.truncation
        )
        explanation = await studio.draw(pipeline, plan)
        return await studio.aside(explained, asked.format, explanation, started)


def _add_page(app: FastAPI, studio: Studio) -> None:
    @cache  # some 20 MB for each bundle, which take seconds to make
    def content(pipeline: Pipeline) -> bytes:
        return page_file([pipeline])

    @app.get(
        "/v1/page/{bundle}",
        response_class=HTMLResponse,
        responses=OTHER_ERRORS
        | errors(_404="The bundle is not open.", _422="The bundle's files have changed."),
    )
    async def page(bundle: str) -> Response:
        """A page that draws with a bundle in the browser, without a server."""
        html = await studio.aside(content, studio.pipeline(bundle))
        headers = {"Content-Disposition": 'attachment; filename="captiongan.html"'}
        return HTMLResponse(html, headers=headers)


def _at_most(field: str, what: str, number: int, most: int) -> None:
    if number > most:
        raise RefusedError(
            422, f"{field}: {number} {what}, at most {most} at once; ask for less", field
        )


def _pictures(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Document that an answer may be an image."""
    return {200: {"content": {f"image/{kind}": {} for kind in kinds}}}
