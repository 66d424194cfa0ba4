"""The verbs of `captiongan data`: check, prepare, show, split and download data sets."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from captiongan.cli import import_data
from captiongan.cli.import_data import Out, Seed, print_account
from captiongan.cli.shared import Settings, to_stderr, training_half
from captiongan.data import TRAINED_SIDE
from captiongan.errors import ConfigError

app = typer.Typer(name="data", no_args_is_help=True, help="Import, inspect or create data sets.")
app.add_typer(import_data.app)

Folder = Annotated[Path, typer.Argument(help="Captioned folder.")]
MinimumSide = Annotated[
    int,
    typer.Option(
        min=1, help="Reject pictures whose short side is shorter; give the side of your training."
    ),
]


@app.command("check")
def check_data(
    folder: Folder,
    minimum_side: MinimumSide = TRAINED_SIDE,
) -> None:
    """List every line that cannot be used, with the reason, and summarise the rest.

    Exit code 2: the rest cannot be trained on.
    """
    from captiongan.data.folder import LoadedExample, Reject, read_captioned_folder
    from captiongan.data.readiness import judge
    from captiongan.data.summary import summarise

    def printed() -> Iterator[LoadedExample | Reject]:
        for item in read_captioned_folder(folder, minimum_side):
            if isinstance(item, Reject):
                typer.echo(item)
            yield item

    summary = summarise(printed())
    typer.echo(
        f"{summary.pictures} usable pictures, {summary.captions} captions "
        f"({summary.fewest} to {summary.most} a picture, {summary.mean:.1f} on average), "
        f"{len(summary.classes)} classes, {sum(summary.rejects.values())} rejected"
    )
    for kind, count in sorted(summary.rejects.items()):
        typer.echo(f"  {count} {kind}")
    judgement = judge(summary.examples, str(folder))
    if judgement.obstacle:
        typer.echo(f"cannot be trained on: {judgement.obstacle}")
        raise typer.Exit(2)
    for remark in judgement.to_fix:
        typer.echo(remark)


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
    language: Annotated[
        Literal["en", "vi"], typer.Option(help="Of the captions: English or Vietnamese.")
    ] = "en",
) -> None:
    """Write the built-in toy set of drawn flowers as a captioned folder."""
    from captiongan.data.toy import write_toy_folder

    write_toy_folder(out, size, side, seed, language)
    typer.echo(out)


@app.command("show")
def show_data(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="HTML file to write.")] = Path(
        "data.html"
    ),
    minimum_side: MinimumSide = TRAINED_SIDE,
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
    _print_verdict(facts(result))
    typer.echo(out)


@app.command("stats")
def data_stats(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    minimum_side: MinimumSide = TRAINED_SIDE,
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
            values = ", ".join(f"{key} {each:g}" for key, each in value.items())
            typer.echo(f"{name.replace('_', ' ')}: {values}")
    near = content["near_duplicates"]
    typer.echo(f"classes: {len(content['classes'])}")
    typer.echo(f"near duplicates: {near['pictures']} pictures in {near['groups']} groups")
    _print_verdict(content)


def _print_verdict(content: Mapping[str, Any]) -> None:
    for line in (*(content["verdict"] or ["ready"]), *content["advice"]):
        typer.echo(line)


@app.command("split")
def split_data(
    folder: Folder,
    out: Out,
    test: Annotated[
        float | None,
        typer.Option(help="Share of the pictures for testing, between 0 and 1; default: 0.1."),
    ] = None,
    val: Annotated[float | None, typer.Option(help="Share for validation; default: none.")] = None,
    by: Annotated[
        Literal["picture", "class"] | None,
        typer.Option(
            help="Unit of the random choice: a single picture (the default), or a whole class."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the random choice; default: 0.")
    ] = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--list",
            help="Text file of the names of the test pictures; or flowers or birds, whose test "
            "pictures are those of the shipped bundles.",
        ),
    ] = None,
) -> None:
    """Divide a captioned folder into OUT/train and OUT/test; near-duplicates stay together.

    Says which scores `captiongan evaluate` will not have on that test part. With --list, the list
    alone decides.
    """
    from captiongan.data.importers.content import content_of
    from captiongan.data.importers.fitting import Fit
    from captiongan.data.importers.importing import import_pictures
    from captiongan.data.importers.items import Request
    from captiongan.data.split_lists import read_list
    from captiongan.data.splitting import divide, divide_by_list
    from captiongan.evaluation.needs import foreseen

    if listed is None:
        shares = {"test": 0.1 if test is None else test} | ({"val": val} if val else {})
        how: dict[str, Any] = {"shares": shares, "by": by or "picture", "seed": seed or 0}
        division = divide(folder, **how)
    else:
        for option, value in {"test": test, "val": val, "by": by, "seed": seed}.items():
            if value is not None:
                raise ConfigError(
                    f"--{option} {value} with --list '{listed}', which decides alone; leave one out"
                )
        how = {"list": read_list(listed)}
        division = divide_by_list(folder, how["list"], listed)
    for line in foreseen(division.labels_of("test"), division.labels_of("train")):
        typer.echo(line)
    wish = {"kind": "split", "source": str(folder), "content": content_of(Request(folder), out)}
    print_account(import_pictures(division.items(), out, wish | how, Fit()), out)


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
    from captiongan.base.commands import command
    from captiongan.data.downloads import announcement, fetch_all
    from captiongan.data.published import choose_data_set

    data_set, folder = choose_data_set(name), folder or Path(name)
    for line in announcement(data_set, folder):
        typer.echo(line)
    if not yes:
        typer.confirm("Download them?", abort=True)
    fetch_all(data_set, folder, mirror, typer.echo)
    typer.echo("next: " + command("data", "import", name, folder, "OUT"))
