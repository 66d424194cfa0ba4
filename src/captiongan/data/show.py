"""One self-contained page that shows what is in a captioned folder.

This module chooses what the page shows; `show.html.jinja` holds the words and the looks.
"""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from captiongan.base.files import os_errors_as, replace_file
from captiongan.data.survey import Survey, facts
from captiongan.errors import OutputError

_BARS = 16


def write_page(survey: Survey, out: Path) -> None:
    """Write the page of a survey in the place of an earlier one; raises OutputError."""
    # File names may hold characters that UTF-8 cannot encode.
    content = page(survey).encode(errors="replace")
    what = f"--out '{out}' cannot be written"
    with os_errors_as(OutputError, what, "name a file in another folder"):
        replace_file(out, content)


def page(survey: Survey) -> str:
    """Return the page as HTML, with pictures and captions of the data."""
    environment = Environment(
        loader=PackageLoader("captiongan.data", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ratios = [width / height for width, height in survey.sizes]
    charts = {
        "Short side, pixels": histogram([min(size) for size in survey.sizes]),
        "Width for each unit of height": histogram(ratios),
        "Captions of a picture": histogram([len(each) for each in survey.captions_of]),
        "Words of a caption": histogram(survey.lengths),
    }
    sheet = [(example, _data_url(picture)) for example, picture in survey.sheet]
    return environment.get_template("show.html.jinja").render(
        facts=facts(survey), charts=charts, sheet=sheet, rejects=survey.rejects
    )


def histogram(values: Sequence[float]) -> list[dict[str, Any]]:
    """Return bars: the label, count, and length in percent of the longest bar of each.

    A small range of whole numbers has a bar for each number; other values are binned evenly.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    whole = all(float(value).is_integer() for value in values)
    if whole and high - low < _BARS:
        labels = [f"{low + step:g}" for step in range(int(high - low) + 1)]
        places = [int(value - low) for value in values]
    else:
        width = (high - low) / _BARS or 1
        width = max(1, math.ceil(width)) if whole else width
        count = min(_BARS, int((high - low) / width) + 1)
        labels = [f"from {low + step * width:,.4g}" for step in range(count)]
        places = [min(int((value - low) / width), count - 1) for value in values]
    counts = [0] * len(labels)
    for place in places:
        counts[place] += 1
    most = max(counts)
    return [
        {"label": label, "count": count, "percent": round(100 * count / most, 1)}
        for label, count in zip(labels, counts, strict=True)
    ]


def _data_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
