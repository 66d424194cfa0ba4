"""The verbs for trained models: evaluate, export, and train further networks for bundles."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from captiongan.cli.shared import BestOf, Truncation, read_lines, to_stderr, training_half
from captiongan.errors import ConfigError

app = typer.Typer()
style_app = typer.Typer(name="style", no_args_is_help=True, help="Teach a bundle to restyle.")
rank_app = typer.Typer(
    name="rank", no_args_is_help=True, help="Teach a bundle to keep the best of several pictures."
)
for group in (style_app, rank_app):
    app.add_typer(group)

Which = Literal["best", "newest"]

Bundle = Annotated[str, typer.Argument(help="Name of a shipped bundle, or a bundle folder.")]

NewBundle = Annotated[Path, typer.Option(help="Folder of the new bundle; must be new or empty.")]

Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed of the weights, noise and captions.")
]


@app.command()
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(help="Bundles or run folders; several are compared with each other."),
    ],
    data: Annotated[Path, typer.Option(help="Folder with a captioned folder for each split.")],
    split: Annotated[str, typer.Option(help="Split whose captions are drawn.")] = "test",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report.json and report.html.")
    ] = Path("report"),
    extractor: Annotated[
        str,
        typer.Option(help="Network that compares pictures: lite0, lite1, lite2 or inception."),
    ] = "lite1",
    sides: Annotated[
        str | None,
        typer.Option(
            help="Sides in pixels at which the network sees the pictures; scores are means over "
            "them.",
            show_default="96,128,160,224",
        ),
    ] = None,
    per_picture: Annotated[
        int, typer.Option(min=1, max=1000, help="Pictures to draw for each real one.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Seed of the first picture.")] = 0,
    checkpoint: Annotated[
        Which, typer.Option(help="Checkpoint of a run: the best by its own scores, or the newest.")
    ] = "best",
    truncation: Truncation = 1.0,
    best_of: BestOf = 1,
    public: Annotated[
        Path | None,
        typer.Option(
            help="Text file with one prompt per line; the report shows pictures of these instead "
            "of anything from the data."
        ),
    ] = None,
) -> None:
    """Score bundles and runs against real pictures and captions, and write a report."""
    from captiongan.draw.prompts import check_prompt

    prompts = [check_prompt(line) for line in read_lines(public, "--public")] if public else None
    chosen_sides = _sides(sides) if sides is not None else None
    with training_half():
        from captiongan.evaluation.evaluate import evaluate as score
        from captiongan.evaluation.report import check_folder, draw_public, write_report
        from captiongan.evaluation.table import table

        check_folder(out)
        evaluation = score(
            models,
            data,
            split,
            extractor,
            per_picture,
            seed,
            checkpoint,
            to_stderr,
            truncation,
            chosen_sides,
            best_of,
        )
        candidates = [result.candidate for result in evaluation.results]
        shown = draw_public(candidates, prompts, seed) if prompts else None
        write_report(out, evaluation, shown)
    for line in table(evaluation):
        typer.echo(line)
    typer.echo(out / "report.html")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: NewBundle,
    name: Annotated[
        str | None, typer.Option(help="Name of the bundle; by default, that of the folder.")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    prompts: Annotated[
        Path | None,
        typer.Option(help="Text file with one prompt per line, for the model card's sample."),
    ] = None,
    checkpoint: Annotated[
        Which, typer.Option(help="The best by the run's own scores, or the newest.")
    ] = "best",
    without_critic: Annotated[
        bool,
        typer.Option("--without-critic", help="Leave out the discriminator: a smaller bundle."),
    ] = False,
    with_page: Annotated[
        bool,
        typer.Option("--page", help="Also write OUT.html, a page that draws without a server."),
    ] = False,
) -> None:
    """Write a run's checkpoint as a bundle that draws without PyTorch.

    The bundle includes the discriminator, so that another training can start from it.
    """
    from captiongan.draw.pipeline import Pipeline
    from captiongan.page.page import size_of, write_page

    with training_half():
        from captiongan.export.export import export_run
        from captiongan.runs.load_trained import load_trained
        from captiongan.runs.run_folder import RunFolder
    folder = RunFolder.open(run)
    lines = read_lines(prompts, "--prompts") if prompts else folder.sample_captions()
    trained = load_trained(folder, checkpoint)
    name = name or out.resolve().name
    bundle = export_run(trained, out, name, version, lines, with_critic=not without_critic)
    size = sum(file.stat().st_size for file in bundle.folder.iterdir()) / 1e6
    typer.echo(f"{bundle.folder} ({size:.1f} MB), from {trained.checkpoint.path.name}")
    if with_page:
        page = out.with_name(f"{out.name}.html")
        write_page([Pipeline(bundle)], page)
        typer.echo(f"{page} ({size_of(page) / 1e6:.1f} MB)")


@app.command()
def subject(
    bundle: Bundle,
    data: Annotated[
        list[str],
        typer.Argument(help="The captioned folders that it was trained on, or `toy:SIZE`."),
    ],
    out: NewBundle,
) -> None:
    """Write a copy of a bundle that hints at prompts about something else than its captions.

    Bundles exported from runs hint already; this is for bundles of earlier versions.
    """
    from captiongan.export.subject import describe_subject

    found = describe_subject(bundle, data, out)
    typer.echo(
        f"{out}: {len(found.words):,} words; a sentence is off topic below a cosine of "
        f"{found.least:.2f}"
    )


@style_app.command("train")
def train_style(
    bundle: Bundle,
    data: Annotated[
        list[str],
        typer.Argument(help="Captioned folders, or `toy:SIZE`; only the captions are used."),
    ],
    out: NewBundle,
    kimg: Annotated[float, typer.Option(help="Training length in thousands of pictures.")] = 100,
    seed: Seed = 0,
) -> None:
    """Train a style encoder on a bundle's own pictures; write a bundle that can restyle.

    Takes about five minutes; if stopped early, it leaves nothing behind.
    """
    with training_half():
        from captiongan.training.train_style_encoder import teach_style
    report = teach_style(bundle, data, out, kimg, seed, typer.echo)
    typer.echo(f"{out}: reads {100 * report.recovered:.0f} % of the noise's variance")


@rank_app.command("train")
def train_ranker(
    bundle: Bundle,
    data: Annotated[
        str,
        typer.Argument(help="Captioned folder, or `toy:SIZE`: the data the bundle was trained on."),
    ],
    out: NewBundle,
    epochs: Annotated[int, typer.Option(help="Epochs over the pictures.")] = 10,
    wholeness: Annotated[
        float,
        typer.Option(help="Weight of a whole object; at 1 it counts as much as matching the text."),
    ] = 1.0,
    seed: Seed = 0,
) -> None:
    """Train a ranker on real pictures and the bundle's own; write a bundle for --best-of.

    If stopped early, it leaves nothing behind.
    """
    with training_half():
        from captiongan.training.train_ranker import teach_ranking
    report = teach_ranking(bundle, data, out, epochs, wholeness, seed, typer.echo)
    typer.echo(
        f"{out}: scores correlate by {report.correlation:.2f} with the teacher's; R@1 of 100 is "
        f"{report.r_at_1:.3f}, the teacher's {report.teacher_r_at_1:.3f}"
    )


def _sides(listed: str) -> list[int]:
    try:
        return [int(side) for side in listed.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--sides '{listed}': must be whole numbers separated by commas, such as 96,128,160,224"
        ) from error
