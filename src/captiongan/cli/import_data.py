"""The verbs `data import` and `data caption-template`: captioned folders from other data sets."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from captiongan.cli.shared import to_stderr

if TYPE_CHECKING:
    from captiongan.data.importers import Importer
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.items import Request
    from captiongan.data.importers.journal import Account

app = typer.Typer()

Out = Annotated[
    Path, typer.Argument(help="Folder to write: new, or one that the same command began.")
]
Crop = Annotated[
    Literal["centre", "random", "box", "pad"] | None,
    typer.Option(
        help="Part of each picture to keep. centre: everything, of which training uses the middle "
        "square; random: a square at a random place; box: the box that the source marks; pad: "
        "everything, padded to a square. By default, box for birds and centre for others."
    ),
]
Background = Annotated[
    str, typer.Option(help="Colour of padding and behind transparent pixels: a name, or #rrggbb.")
]
Side = Annotated[
    int, typer.Option(min=0, help="Shrink pictures whose short side is longer; 0 for never.")
]
Enlarge = Annotated[
    int, typer.Option(min=0, help="Enlarge pictures whose short side is shorter; 0 for never.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many kept pictures.")]
Pictures = Annotated[
    Path | None,
    typer.Option(help="Folder or archive of the pictures, unless they are beside the table."),
]
PictureColumn = Annotated[
    str | None, typer.Option(help="Column with the picture, in a table or parquet file.")
]
CaptionColumn = Annotated[str | None, typer.Option(help="Column with the caption.")]
ClassColumn = Annotated[str | None, typer.Option(help="Column with the class.")]
Splits = Annotated[
    Literal["classes", "source", "none"] | None,
    typer.Option(
        help="How to split the data. classes: by whole classes as Reed et al., the default for "
        "flowers and birds; source: as the source does; none: everything in one folder."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random choices.")]


@app.command("import")
def import_data(
    kind: Annotated[
        str,
        typer.Argument(help="birds, coco, csv, flickr, flowers, folder, hdf5, hf or webdataset."),
    ],
    source: Annotated[
        Path, typer.Argument(help="Folder, archive or file; for hf, OWNER/NAME on the hub.")
    ],
    out: Out,
    limit: Limit = None,
    crop: Crop = None,
    background: Background = "white",
    side: Side = 0,
    enlarge: Enlarge = 0,
    splits: Splits = None,
    pictures: Pictures = None,
    picture_column: PictureColumn = None,
    caption_column: CaptionColumn = None,
    class_column: ClassColumn = None,
) -> None:
    """Turn a captioned data set into a captioned folder; the same command continues after a stop.

    Archives are read in place. The last lines count what was read, kept and rejected.
    """
    from captiongan.data.importers import choose_importer
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.items import Request

    columns = {"picture": picture_column, "caption": caption_column, "class": class_column}
    asked = {name: column for name, column in columns.items() if column}
    request = Request(source, pictures, splits, asked)
    fit = Fit(crop or ("box" if kind == "birds" else "centre"), background, side, enlarge)
    _import(kind, choose_importer(kind), request, out, fit, limit)


@app.command("caption-template")
def caption_template(
    source: Annotated[
        Path, typer.Argument(help="Folder of folders named after classes, or a CSV table.")
    ],
    template: Annotated[
        Path,
        typer.Argument(help="Text file with one sentence per line; {class} stands for the class."),
    ],
    out: Out,
    seed: Seed = 0,
    limit: Limit = None,
    crop: Crop = None,
    background: Background = "white",
    side: Side = 0,
    enlarge: Enlarge = 0,
    splits: Splits = None,
    pictures: Pictures = None,
    picture_column: PictureColumn = None,
    class_column: ClassColumn = None,
) -> None:
    """Make a captioned folder from pictures that have only class names or attributes."""
    from captiongan.data.importers import caption_template as composing
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.items import Request

    columns = {"picture": picture_column, "class": class_column}
    asked = {name: column for name, column in columns.items() if column}
    request = Request(source, pictures, splits, asked, template, seed)
    fit = Fit(crop or "centre", background, side, enlarge)
    _import("caption-template", composing.read, request, out, fit, limit)


def _import(
    kind: str, importer: "Importer", request: "Request", out: Path, fit: "Fit", limit: int | None
) -> None:
    """Import and print the account; after Ctrl-C the same command continues."""
    from captiongan.data.importers.content import content_of
    from captiongan.data.importers.importing import import_pictures

    wish: dict[str, Any] = {"kind": kind, "content": content_of(request, out)} | request.facts()
    try:
        account = import_pictures(importer(request), out, wish, fit, limit, _progress())
    except KeyboardInterrupt:
        to_stderr("stopped; repeat the command to continue")
        raise typer.Exit(130) from None
    print_account(account, out)


def print_account(account: "Account", out: Path) -> None:
    """Print how many pictures each split has, and what was rejected."""
    for split, count in sorted(account.kept.items()):
        typer.echo(f"{out / split}: {count} pictures")
    typer.echo(account)
    for reason, count in sorted(account.rejected.items()):
        typer.echo(f"  {count} {reason}")
    for remark, count in sorted(account.remarks.items()):
        typer.echo(f"{count} kept {remark}")


def _progress(seconds: float = 5) -> "Callable[[Account], None]":
    """Return a callback that prints the account at most once in `seconds`."""
    from captiongan.base.progress import Pace

    pace = Pace(seconds)

    def show(account: "Account") -> None:
        if pace.due():
            to_stderr(account)

    return show
