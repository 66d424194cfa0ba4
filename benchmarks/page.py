"""How fast a page without a server opens and draws, beside the server's, and what it weighs.

A real Chromium opens both, one after the other, and draws sentences that neither has read.

    python -m benchmarks page

Writes its part of docs/page.md.
"""

import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.marked_page import check_marks, write_measured
from benchmarks.serve import markdown, serving
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import CaptionganError
from captiongan.loading import load
from captiongan.page.page import page_file
from captiongan.page.parts import Parts

ROOT = Path(__file__).parents[1]

PAGE = "page.md"

COLOURS = ("red", "yellow", "white", "blue", "purple", "pink", "orange")
SHAPES = ("round", "long", "pointed", "thin", "large")

NUMBERS = (1, 16)

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Measured:
    """Seconds until a page has drawn for the first time, milliseconds by number, megabytes."""

    opening: float
    drawing: dict[int, float]
    memory: float


@app.command()
def main(
    bundle: Annotated[str, typer.Option(help="Bundle to draw with.")] = "flowers",
    repeats: Annotated[int, typer.Option(help="Sentences that each line draws.")] = 15,
    note: Annotated[str, typer.Option(help="What else the machine was busy with.")] = "",
    docs: Annotated[Path, typer.Option(help="Folder of page.md.")] = ROOT / "docs",
) -> None:
    """Measure a page on this machine."""
    for part in ("speed", "size"):
        check_marks(docs / PAGE, part)
    pipeline = load(bundle)
    write_measured(docs / PAGE, sizes(pipeline), "size")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder) / "page.html"
        file.write_bytes(page_file([pipeline]))
        titles = ["page", "opens, s", *(f"{n} drawn, ms" for n in NUMBERS), "memory, MB"]
        lines: list[Sequence[str]] = [titles]
        lines.append(row("one file", measured(browser, file.as_uri(), repeats)))
        with serving(bundle) as address:
            lines.append(row("a server's", measured(browser, address, repeats)))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), browser and server together"
    table = f"Bundle `{bundle}`; {machine}{'; ' if note else ''}{note}.\n\n{markdown(lines)}"
    write_measured(docs / PAGE, table, "speed")


def sizes(pipeline: Pipeline) -> str:
    """Return the table of what a page with one bundle weighs."""
    parts = Parts()
    names = parts.add_bundle(pipeline.bundle) | parts.add_runtime()
    weights = {name: len(parts.contents[part]) for name, part in names.items()}
    whole = len(page_file([pipeline]))
    inside = sum((size + 2) // 3 * 4 for size in weights.values())
    weights["markup, style and the page's script"] = whole - inside
    lines = [["part", "MB, compressed"]]
    lines += [[name.replace("_", " "), f"{size / 1e6:.2f}"] for name, size in weights.items()]
    return f"{markdown(lines)}\nThe one file has {whole / 1e6:.1f} MB: base64 takes a third more.\n"


def measured(browser: Browser, address: str, repeats: int) -> Measured:
    """Open a page, and draw with it."""
    context = browser.new_context()
    context.set_default_timeout(120_000)
    page = context.new_page()
    started = time.perf_counter()
    page.goto(address)
    milliseconds_of(page, 16)
    opening = time.perf_counter() - started
    drawing = {n: median(drawn(page, n, repeats)) for n in NUMBERS}
    result = Measured(opening, drawing, memory_of(browser))
    context.close()
    return result


def drawn(page: Page, n: int, repeats: int) -> list[float]:
    """Return the milliseconds that each of some sentences took, as the page says."""
    page.get_by_role("slider", name="Pictures").fill(str(n))
    times = []
    for place in range(repeats):
        colour, shape = COLOURS[place % len(COLOURS)], SHAPES[place % len(SHAPES)]
        words = f"a {colour} flower with {n} {shape} petals"
        page.get_by_label("Describe a picture").fill(words)
        expect(page.locator("#gallery img").last).to_have_attribute(
            "alt", f"{words}, seed {6 + n}", timeout=60_000
        )
        times.append(milliseconds_of(page, n))
    return times


def milliseconds_of(page: Page, n: int) -> float:
    """Return what the page says that the newest pictures took."""
    said = page.locator("#status", has_text=re.compile(rf"\b{n} pictures? in "))
    found = re.search(r"in (\d+) ms", said.inner_text())
    assert found is not None
    return float(found[1])


def memory_of(browser: Browser) -> float:
    """Return the megabytes that the browser's largest process with a page holds for itself."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [process["id"] for process in processes if process["type"] == "renderer"]
    return max(map(_megabytes, pages))


def row(name: str, result: Measured) -> Sequence[str]:
    """Return a line of the table."""
    times = (f"{result.drawing[n]:.0f}" for n in NUMBERS)
    return [name, f"{result.opening:.1f}", *times, f"{result.memory:.0f}"]


def _megabytes(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError as error:
        raise CaptionganError(f"the memory of a process is not told here ({error})") from error
    (kilobytes,) = re.findall(r"^Pss:\s+(\d+) kB", text, flags=re.MULTILINE)
    return int(kilobytes) / 1000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        raise CaptionganError("there is no 'chromium' to measure in; install it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    app()
