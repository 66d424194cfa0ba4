"""The verbs of `captiongan data`: import, make, look at and divide captioned folders."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from captiongan.cli.shared import Settings, to_stderr, training_half

if TYPE_CHECKING:
    from captiongan.data.importers import Importer
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.items import Request
    from captiongan.data.importers.journal import Account

app = typer.Typer(name="data", no_args_is_help=True, help="Import, inspect or create data sets.")

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
Folder = Annotated[Path, typer.Argument(help="Captioned folder.")]
MinimumSide = Annotated[
    int, typer.Option(min=1, help="Reject pictures whose short side is shorter.")
]


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
    fit = Fit(crop or ("box" if kind == "birds" else "centre"), background, side)
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
    fit = Fit(crop or "centre", background, side)
    _import("caption-template", composing.read, request, out, fit, limit)


def _import(
    kind: str, importer: "Importer", request: "Request", out: Path, fit: "Fit", limit: int | None
) -> None:
    """Import and print the account; after Ctrl-C the same command continues."""
    from captiongan.data.importers.importing import import_pictures

    wish: dict[str, Any] = {"kind": kind} | request.facts()
    try:
        account = import_pictures(importer(request), out, wish, fit, limit, _progress())
    except KeyboardInterrupt:
        to_stderr("stopped; repeat the command to continue")
        raise typer.Exit(130) from None
    _tell(account, out)


def _tell(account: "Account", out: Path) -> None:
    for split, count in sorted(account.kept.items()):
        typer.echo(f"{out / split}: {count} pictures")
    typer.echo(account)
    for reason, count in sorted(account.rejected.items()):
        typer.echo(f"  {count} {reason}")


def _progress(seconds: float = 5) -> "Callable[[Account], None]":
    """Return a callback that prints the account at most once in so many seconds."""
    from captiongan.base.progress import Pace

    pace = Pace(seconds)

    def tell(account: "Account") -> None:
        if pace.due():
            to_stderr(account)

    return tell


@app.command("check")
def check_data(
    folder: Folder,
    minimum_side: MinimumSide = 64,
) -> None:
    """List every line that cannot be used, with the reason, and summarise the rest.

    Exit code 2: the rest cannot be trained on.
    """
    from captiongan.data.folder import LoadedExample, Reject, read_captioned_folder
    from captiongan.data.summary import summarise

    def told() -> Iterator[LoadedExample | Reject]:
        for item in read_captioned_folder(folder, minimum_side):
            if isinstance(item, Reject):
                typer.echo(item)
            yield item

    summary = summarise(told())
    typer.echo(
        f"{summary.pictures} usable pictures, {summary.captions} captions "
        f"({summary.fewest} to {summary.most} a picture, {summary.mean:.1f} on average), "
        f"{len(summary.classes)} classes, {sum(summary.rejects.values())} rejected"
    )
    for kind, count in sorted(summary.rejects.items()):
        typer.echo(f"  {count} {kind}")
    if summary.obstacle:
        typer.echo(f"cannot be trained on: {summary.obstacle}")
        raise typer.Exit(2)


@app.command("prepare")
def prepare_data(
    data: Annotated[str, typer.Argument(help="Captioned folder, `toy`, or `toy:SIZE`.")],
    config: Annotated[
        str | None,
        typer.Option(help="Preset or YAML file of the training, see `train`; default: dcgan."),
    ] = None,
    override: Settings = None,
    ray: Annotated[
        str | None, typer.Option(hidden=True, help="Has no effect; see docs/scale.md.")
    ] = None,
) -> None:
    """Decode the pictures and encode the captions for later trainings, on all cores.

    Work that is already done is not repeated. A run that scores itself still reads the pictures
    when it first starts.
    """
    with training_half():
        from captiongan.runs.load_config import load_config
        from captiongan.training.data_source import with_absolute_paths
        from captiongan.training.prepare import prepare

    if ray is not None:
        warnings.warn(
            f"--ray '{ray}' has no effect: the cores of this machine prepare the same files; leave "
            "it out, and copy the cache folder to other machines",
            FutureWarning,
            stacklevel=2,
        )
    wanted = with_absolute_paths(load_config(config, override or [], data))
    try:
        for line in prepare(wanted, to_stderr):
            typer.echo(line)
    except KeyboardInterrupt:
        to_stderr("stopped; the parts that were finished are kept")
        raise typer.Exit(130) from None


@app.command("toy")
def write_toy(
    out: Annotated[Path, typer.Argument(help="Folder to create.")],
    size: Annotated[int, typer.Option(min=2, help="Number of flowers.")] = 200,
    side: Annotated[int, typer.Option(min=16, help="Side of a picture in pixels.")] = 96,
    seed: Annotated[int, typer.Option(help="Seed of the flowers.")] = 0,
) -> None:
    """Write the built-in toy set of drawn flowers as a captioned folder."""
    from captiongan.data.toy import write_toy_folder

    write_toy_folder(out, size, side, seed)
    typer.echo(out)


@app.command("show")
def show_data(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="HTML file to write.")] = Path(
        "data.html"
    ),
    minimum_side: MinimumSide = 1,
    seed: Seed = 0,
) -> None:
    """Show the content of a captioned folder on one page, with a verdict: ready, or what to fix.

    The page contains pictures and captions of the data.
    """
    with training_half():
        from captiongan.data.show import write_page
    from captiongan.data.survey import facts, survey

    result = survey(folder, minimum_side, seed)
    write_page(result, out)
    for remark in facts(result)["verdict"] or ["ready"]:
        typer.echo(remark)
    typer.echo(out)


@app.command("stats")
def data_stats(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    minimum_side: MinimumSide = 1,
) -> None:
    """Print statistics of a captioned folder: sizes, captions, words, classes, near-duplicates."""
    from captiongan.data.survey import facts, survey

    content = facts(survey(folder, minimum_side))
    if as_json:
        import json

        typer.echo(json.dumps(content, indent=2))
        return
    for name, value in content.items():
        if isinstance(value, str | int):
            typer.echo(f"{name.replace('_', ' ')}: {value}")
        elif "median" in value:
            told = ", ".join(f"{key} {each:g}" for key, each in value.items())
            typer.echo(f"{name.replace('_', ' ')}: {told}")
    near = content["near_duplicates"]
    typer.echo(f"classes: {len(content['classes'])}")
    typer.echo(f"near duplicates: {near['pictures']} pictures in {near['groups']} groups")
    for remark in content["verdict"] or ["ready"]:
        typer.echo(remark)


@app.command("split")
def split_data(
    folder: Folder,
    out: Out,
    test: Annotated[
        float, typer.Option(help="Share of the pictures for testing, between 0 and 1.")
    ] = 0.1,
    val: Annotated[float, typer.Option(help="Share for validation; 0 for none.")] = 0,
    by: Annotated[
        Literal["picture", "class"],
        typer.Option(help="Unit of the random choice: a single picture, or a whole class."),
    ] = "picture",
    seed: Seed = 0,
) -> None:
    """Divide a captioned folder into OUT/train and OUT/test; near-duplicates stay together."""
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.importing import import_pictures
    from captiongan.data.splitting import split_folder

    shares = {"test": test} | ({"val": val} if val else {})
    wish = {"kind": "split", "source": str(folder), "shares": shares, "by": by, "seed": seed}
    _tell(import_pictures(split_folder(folder, shares, by, seed), out, wish, Fit()), out)


@app.command("get")
def get_data(
    name: Annotated[str, typer.Argument(help="flowers or birds.")],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder for the files; by default, one named after the data set."),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(help="Address of a folder with files of the same names.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
) -> None:
    """Download the official files of a data set, after showing their size and terms.

    Continues after an interruption and verifies the files. Without a network, it says which files
    to put where.
    """
    from captiongan.data.downloads import announcement, fetch_all
    from captiongan.data.published import choose_data_set

    data_set, folder = choose_data_set(name), folder or Path(name)
    for line in announcement(data_set, folder):
        typer.echo(line)
    if not yes:
        typer.confirm("Download them?", abort=True)
    fetch_all(data_set, folder, mirror, typer.echo)
    typer.echo(f"next: captiongan data import {name} {folder} OUT")
