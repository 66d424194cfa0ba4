"""The command line: arguments in, one call, lines out.

Heavy imports are inside the verbs, so that `--help` is quick and drawing needs no PyTorch.
"""

import errno
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from captiongan.cli_data import data_app
from captiongan.errors import CaptionganError, ConfigError, needs_extra
from captiongan.version import __version__

Which = Literal["best", "newest"]

Truncation = Annotated[
    float, typer.Option(help="Multiplies the noise: above 0, at most 1; less for less variety.")
]

BestOf = Annotated[
    int, typer.Option(help="Draw so many for each picture, 1 to 64, and keep the best.")
]

MANY = "Many prompts"
"""Heading of the options of bulk generation."""

app = typer.Typer(
    name="captiongan",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
text_app = typer.Typer(name="text", no_args_is_help=True, help="Train a text encoder.")
style_app = typer.Typer(name="style", no_args_is_help=True, help="Teach a bundle to restyle.")
rank_app = typer.Typer(
    name="rank", no_args_is_help=True, help="Teach a bundle to keep the best of several."
)
app.add_typer(data_app)
app.add_typer(text_app)
app.add_typer(style_app)
app.add_typer(rank_app)


def main() -> None:
    """Run the command line."""
    run(app)


def run(commands: typer.Typer) -> None:
    """Run a command line; an error that the user can mend is one line and exit code 2."""
    with warnings.catch_warnings():
        warnings.formatwarning = lambda message, *_: f"warning: {_one_line(message)}\n"
        try:
            commands()
        except CaptionganError as error:
            _end(error)
        except OSError as error:  # those of files are told above, by who writes them
            if error.errno != errno.ENOSPC:
                raise
            file = error.filename or "standard output"
            _end(
                f"'{file}' cannot be written ({error.strerror}); make room, and repeat the command"
            )


def _end(error: object) -> NoReturn:
    print(f"error: {_one_line(error)}", file=sys.stderr)
    sys.exit(2)


_training_half = partial(needs_extra, "train", "this verb", "the training half")
_web_half = partial(needs_extra, "serve", "this verb", "the web half")


def _to_stderr(line: str) -> None:
    typer.echo(line, err=True)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"captiongan {__version__}")
        raise typer.Exit


@app.callback()
def _captiongan(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Draw pictures from sentences with a small text-conditional GAN."""


@app.command()
def generate(
    prompt: Annotated[str | None, typer.Argument(help="One English sentence.")] = None,
    n: Annotated[int, typer.Option("-n", "--count", help="How many pictures, 1 to 1000.")] = 1,
    seed: Annotated[
        int, typer.Option(help="Seed of the first, from 0; each next has one more.")
    ] = 0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="PNG file to write, or to replace.")
    ] = Path("picture.png"),
    grid: Annotated[bool, typer.Option("--grid", help="Put all pictures on one sheet.")] = False,
    truncation: Truncation = 1.0,
    around: Annotated[
        int | None, typer.Option(help="Draw variations of the picture of this seed.")
    ] = None,
    strength: Annotated[float, typer.Option(help="How far variations go, from 0 to 1.")] = 0.3,
    best_of: BestOf = 1,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "flowers",
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="Draw each row of a txt, jsonl, csv or parquet file.", rich_help_panel=MANY
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pictures; begun before, it goes on.", rich_help_panel=MANY
        ),
    ] = None,
    layout: Annotated[
        Literal["webdataset", "imagefolder"],
        typer.Option(
            "--format", help="Tar files, or captioned folders to train on.", rich_help_panel=MANY
        ),
    ] = "webdataset",
    shard_size: Annotated[
        int,
        typer.Option(
            help="Most pictures in a tar file or folder, at least -n.", rich_help_panel=MANY
        ),
    ] = 1000,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Draw on a Ray cluster: its address, `auto` or `local`.", rich_help_panel=MANY
        ),
    ] = None,
) -> None:
    """Draw pictures of a sentence; several without --grid are saved as NAME-SEED.png.

    With --prompts, draw those of many sentences into the folder --out. Code 3: all is drawn but
    the rows in rejects.jsonl.
    """
    if prompts and best_of != 1:
        raise CaptionganError(
            f"--best-of {best_of} is for a PROMPT, and --prompts keeps all that it draws; leave "
            "one of the two out"
        )
    if prompts and out and prompt is None and not grid:
        from rich.console import Console

        from captiongan.bulk.run import generate_all

        console = Console(stderr=True)
        options = (bundle, n, seed, truncation, layout, shard_size, ray)
        try:
            account = generate_all(prompts, out, *options, console)
        except KeyboardInterrupt:
            _to_stderr("stopped; the same command goes on")
            raise typer.Exit(130) from None
        _to_stderr(str(account))
        typer.echo(out)
        raise typer.Exit(3 if account.rejects else 0)
    if prompt is None or prompts or out:
        raise CaptionganError(
            "what to draw must be a PROMPT, or a file of --prompts into a folder --out without "
            "--grid; give one or the other"
        )
    from captiongan.draw.picture import check_output, in_a_square, numbered, save_grid
    from captiongan.draw.pipeline import load
    from captiongan.draw.prompts import seeds_of

    check_output(output)
    seeds = seeds_of(seed, n, best_of)
    if not grid:
        numbered(output, seeds)  # refuses a name that is taken before anything is drawn

    started = time.perf_counter()
    pipeline = load(bundle)
    loaded = time.perf_counter()
    pictures = pipeline.generate(prompt, n, seed, truncation, around, strength, best_of)
    drawn = time.perf_counter()

    paths = [output] if grid else numbered(output, [each.seed or 0 for each in pictures])
    if grid:
        save_grid(in_a_square(pictures), output)
    else:
        for picture, path in zip(pictures, paths, strict=True):
            picture.save(path)
    for path in paths:
        typer.echo(path)
    load_ms, draw_ms = 1000 * (loaded - started), 1000 * (drawn - loaded)
    typer.echo(f"{draw_ms:.0f} ms for text and drawing, {load_ms:.0f} ms for loading", err=True)


@app.command()
def interpolate(
    prompts: Annotated[list[str], typer.Argument(help="One English sentence, or several.")],
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed of the noise, 0 if not given; may be repeated."),
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Pictures from one stop to the next, both counted.")
    ] = 9,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="PNG for a strip, GIF or WebP for a film.")
    ] = Path("strip.png"),
    fps: Annotated[float, typer.Option(help="Frames a second of a film, 1 to 50.")] = 12,
    truncation: Truncation = 1.0,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "flowers",
) -> None:
    """Draw the way between sentences with one --seed, or between seeds with one sentence."""
    from captiongan.draw.picture import FILMS, check_output
    from captiongan.draw.pipeline import load

    check_output(output, (".png", *FILMS))
    load(bundle).interpolate(prompts, seeds or [0], steps, truncation).save(output, fps)
    typer.echo(output)


@app.command()
def restyle(
    picture: Annotated[Path, typer.Argument(help="A picture file; its middle square counts.")],
    prompts: Annotated[list[str], typer.Argument(help="One English sentence, or several.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="PNG file to write, or to replace.")
    ] = Path("restyled.png"),
    grid: Annotated[
        bool, typer.Option("--grid", help="Put the given picture and all others on one sheet.")
    ] = False,
    bundle: Annotated[
        str, typer.Option(help="A bundle with a style encoder: a shipped one, or a folder.")
    ] = "flowers-lecture",
) -> None:
    """Draw a picture again under another sentence; several without --grid are NAME-1.png, ..."""
    from captiongan.base.image_reading import middle_square, read_picture
    from captiongan.draw.picture import check_output, numbered, save_grid
    from captiongan.draw.pipeline import load

    check_output(output)
    paths = [output] if grid else numbered(output, range(1, len(prompts) + 1))
    given, pipeline = read_picture(picture), load(bundle)
    restyled = pipeline.restyle(given, prompts)
    if grid:
        save_grid([restyled], output, before=[middle_square(given, pipeline.manifest.resolution)])
    else:
        for each, path in zip(restyled, paths, strict=True):
            each.save(path)
    for path in paths:
        typer.echo(path)


@app.command()
def serve(
    bundle: Annotated[
        list[str] | None,
        typer.Option(help="A shipped bundle, or a folder; may be repeated. Else all shipped."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Who asks must know the word in this file, or $CAPTIONGAN_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name under which it may be called; may be repeated."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Other origin whose pages may ask; may be repeated."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, see docs/serve.md; may be repeated."),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page.")] = False,
) -> None:
    """Serve a page on which anyone draws with words, and an API; Ctrl-C ends it."""
    from captiongan.bundle.bundle import shipped_bundles
    from captiongan.draw.pipeline import load

    with _web_half():
        from captiongan.web.app import create_app
        from captiongan.web.guard import Access
        from captiongan.web.limits import Limits
        from captiongan.web.serve import LOOPBACK, token_of
        from captiongan.web.serve import serve as serve_app
    limits, token = Limits.of(limit or []), token_of(token_file)
    own_names = LOOPBACK if host in LOOPBACK else ()
    names = [*own_names, *(name.lower() for name in allow_host or [])]
    access = Access(token, names, allow_origin or [])
    shipped = sorted(shipped_bundles(), key=lambda name: name != "flowers")
    pipelines = [load(name) for name in bundle or shipped]
    web_app = create_app(pipelines, limits, access)
    serve_app(web_app, limits, host, port, typer.echo, open_browser)


@app.command()
def train(
    config: Annotated[
        Path | None, typer.Option(help="YAML file; without it, as configs/dcgan.yaml.")
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option("--from", help="Bundle to start from: a shipped one's name, or a folder."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Captioned folder, `toy`, or `toy:SIZE`.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where a new numbered run folder is made.")] = Path(
        "runs"
    ),
    resume: Annotated[
        Path | None, typer.Option(help="Run folder to go on with, instead of a new run.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Run folder: created, or resumed if it exists."),
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="section.name=value; may be repeated.")
    ] = None,
    on_divergence: Annotated[
        str | None,
        typer.Option(help="`stop`, or `rollback` to go back and on at half the learning rate."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show configuration, data, sizes and a timed step.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve the live view of the run, on this machine.")
    ] = False,
) -> None:
    """Train a model; Ctrl-C saves first, and --resume goes on."""
    if watch:
        with _web_half():
            import captiongan.web.watch  # noqa: F401  before the training, not in the midst of it
    overrides = override or []
    if on_divergence is not None:
        overrides = [*overrides, f"training.on_divergence={on_divergence}"]
    with _training_half():
        from captiongan.training.start import start

        complete = start(config, data, out, resume, overrides, dry_run, watch, into, start_from)
    if not complete:
        raise typer.Exit(130)


@app.command()
def watch(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8001,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page.")] = False,
    while_stdin: Annotated[bool, typer.Option("--while-stdin", hidden=True)] = False,
) -> None:
    """Serve the live view of a run: curves, samples, alarms; Ctrl-C ends it."""
    with _web_half():
        from captiongan.web.watch import watch as serve_watch
    serve_watch(run, host, port, typer.echo, open_browser, while_stdin)


@app.command()
def evaluate(
    models: Annotated[
        list[str], typer.Argument(help="Bundles or run folders; several are compared.")
    ],
    data: Annotated[Path, typer.Option(help="Folder with a captioned folder for each split.")],
    split: Annotated[str, typer.Option(help="Split whose captions are drawn.")] = "test",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report.json and report.html.")
    ] = Path("report"),
    extractor: Annotated[
        str, typer.Option(help="Network that judges: lite0, lite1, lite2 or inception.")
    ] = "lite1",
    sides: Annotated[
        str | None,
        typer.Option(
            help="Sides in pixels at which it looks at pictures; scores are means over them.",
            show_default="96,128,160,224",
        ),
    ] = None,
    per_picture: Annotated[
        int, typer.Option(min=1, max=1000, help="Pictures to draw for each real one.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Seed of the first picture.")] = 0,
    checkpoint: Annotated[Which, typer.Option(help="Checkpoint of a run.")] = "best",
    truncation: Truncation = 1.0,
    best_of: BestOf = 1,
    public: Annotated[
        Path | None,
        typer.Option(help="Text file, a prompt a line, to show instead of anything of the data."),
    ] = None,
) -> None:
    """Score bundles and runs on real pictures and captions; write a report."""
    from captiongan.draw.prompts import check_prompt

    prompts = [check_prompt(line) for line in _lines(public, "--public")] if public else None
    looked_at = _sides(sides) if sides is not None else None
    with _training_half():
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
            _to_stderr,
            truncation,
            looked_at,
            best_of,
        )
        candidates = [paper.candidate for paper in evaluation.papers]
        shown = draw_public(candidates, prompts, seed) if prompts else None
        write_report(out, evaluation, shown)
    for line in table(evaluation):
        typer.echo(line)
    typer.echo(out / "report.html")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle, made new.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the bundle; otherwise that of --out.")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the bundle.")] = "1",
    prompts: Annotated[
        Path | None, typer.Option(help="Text file, a prompt a line, for the model card's sample.")
    ] = None,
    checkpoint: Annotated[
        Which, typer.Option(help="The best by the run's own scores, or the newest.")
    ] = "best",
    without_critic: Annotated[
        bool,
        typer.Option("--without-critic", help="Leave out the discriminator, for a smaller bundle."),
    ] = False,
) -> None:
    """Write a run's checkpoint as a bundle that draws without PyTorch.

    Its discriminator travels along, so that another training can start from the bundle.
    """
    with _training_half():
        from captiongan.export.export import export_run
        from captiongan.runs.load_trained import load_trained
        from captiongan.runs.run_folder import RunFolder
    folder = RunFolder.open(run)
    lines = _lines(prompts, "--prompts") if prompts else folder.data_facts()["sample_captions"]
    trained = load_trained(folder, checkpoint)
    name = name or out.resolve().name
    bundle = export_run(trained, out, name, version, lines, with_critic=not without_critic)
    size = sum(file.stat().st_size for file in bundle.folder.iterdir()) / 1e6
    typer.echo(f"{bundle.folder} ({size:.1f} MB), from {trained.checkpoint.path.name}")


@text_app.command("train")
def train_text(
    data: Annotated[list[str], typer.Argument(help="Captioned folders, or `toy:SIZE`.")],
    out: Annotated[Path, typer.Option(help="Folder of the encoder, made new.")],
    network: Annotated[str, typer.Option(help="`small`, or `char-cnn-rnn`.")] = "small",
    wordnet: Annotated[
        Path | None, typer.Option(help="Folder of a WordNet database, for general English.")
    ] = None,
    composed: Annotated[
        int, typer.Option(min=0, help="How many sentences about looks to compose.")
    ] = 60_000,
    epochs: Annotated[
        int, typer.Option(min=1, help="First stage: passes over all texts, with MiniLM as teacher.")
    ] = 8,
    align_epochs: Annotated[
        int, typer.Option(min=0, help="Second stage: passes over the pictures' captions.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Decides weights and order.")] = 0,
) -> None:
    """Train a text encoder: distilled from MiniLM on text, then aligned with pictures.

    On an NVIDIA GPU if there is one, otherwise on the processor.
    """
    with _training_half():
        from captiongan.compute.devices import default_device
        from captiongan.evaluation.extractors import choose_extractor
        from captiongan.text.cached import CachedTextEncoder
        from captiongan.text.minilm import MiniLM
        from captiongan.text_training.train import TextPlan, train_text_encoder
    plan = TextPlan(tuple(data), network, wordnet, composed, epochs, align_epochs, seed)
    device = default_device()
    report = train_text_encoder(
        plan,
        out,
        CachedTextEncoder(
            MiniLM(device), lambda done, total: typer.echo(f"teacher {done} of {total}")
        ),
        choose_extractor("lite0", device=device),
        device,
        typer.echo,
    )
    typer.echo(
        f"{out}: mean cosine {report.mean_cosine:.3f} with MiniLM on {report.held_out} texts held "
        "out; all facts in report.json"
    )


@style_app.command("train")
def train_style(
    bundle: Annotated[str, typer.Argument(help="Name of a shipped bundle, or a folder.")],
    data: Annotated[
        list[str], typer.Argument(help="Captioned folders, or `toy:SIZE`, for the captions.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    kimg: Annotated[float, typer.Option(help="Thousand pictures to draw.")] = 100,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Decides weights, noise and captions.")
    ] = 0,
) -> None:
    """Train a style encoder on a bundle's own pictures; write a bundle that can restyle.

    Takes some five minutes; stopped before its end it leaves nothing.
    """
    with _training_half():
        from captiongan.training.style import teach_style
    report = teach_style(bundle, data, out, kimg, seed, typer.echo)
    typer.echo(f"{out}: reads {100 * report.recovered:.0f} % of the noise's variance")


def _sides(listed: str) -> list[int]:
    try:
        return [int(side) for side in listed.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--sides '{listed}': must be whole numbers with commas between them; "
            "give such as 96,128,160,224"
        ) from error


@rank_app.command("train")
def train_ranker(
    bundle: Annotated[str, typer.Argument(help="Name of a shipped bundle, or a folder.")],
    data: Annotated[
        str, typer.Argument(help="Captioned folder, or `toy:SIZE`: what the bundle learned from.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    epochs: Annotated[int, typer.Option(help="Passes over the pictures.")] = 10,
    wholeness: Annotated[
        float,
        typer.Option(help="How much being whole counts: 1 for as much as fitting the words."),
    ] = 1.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Decides weights, noise and captions.")
    ] = 0,
) -> None:
    """Train a ranker on real pictures and the bundle's own; write a bundle for --best-of.

    Stopped before its end it leaves nothing.
    """
    with _training_half():
        from captiongan.training.ranking import teach_ranking
    report = teach_ranking(bundle, data, out, epochs, wholeness, seed, typer.echo)
    typer.echo(
        f"{out}: scores correlate by {report.correlation:.2f} with the teacher's; R@1 of 100 is "
        f"{report.r_at_1:.3f}, the teacher's {report.teacher_r_at_1:.3f}"
    )


def _lines(file: Path, option: str) -> list[str]:
    """Read the lines of a text file that are not blank."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise CaptionganError(
            f"{option} '{file}' cannot be read ({error}); name a UTF-8 text file, a prompt a line"
        ) from error
    prompts = [line for line in lines if line]
    if not prompts:
        raise CaptionganError(f"{option} '{file}' is empty; write a prompt on each line")
    return prompts
