"""The verb `train`: a training run of a model."""

from pathlib import Path
from typing import Annotated

import typer

from captiongan.cli.shared import Settings, training_half, web_half

app = typer.Typer()


@app.command()
def train(
    config: Annotated[
        str | None,
        typer.Option(help="Name of a preset, such as projected, or a YAML file; default: dcgan."),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from", help="Bundle to start from: name of a shipped one, or a bundle folder."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Captioned folder, `toy`, or `toy:SIZE`.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder in which a new numbered run folder is created.")
    ] = Path("runs"),
    resume: Annotated[
        Path | None, typer.Option(help="Run folder to continue, instead of a new run.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Run folder: created, or resumed if it exists."),
    ] = None,
    override: Settings = None,
    on_divergence: Annotated[
        str | None,
        typer.Option(
            help="What to do when training diverges: `stop`, or `rollback` to an earlier "
            "checkpoint and continue at half the learning rate."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads on a CPU; default: one or all, whichever a few timed steps find faster. "
            "A resumed run keeps its number."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show configuration, data, network sizes and a timed step."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve the live view of the run on this machine.")
    ] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            help="Also log metrics and sample grids, in the run folder: `tensorboard` or `wandb`; "
            "may be repeated."
        ),
    ] = None,
) -> None:
    """Train a model; Ctrl-C saves the run, and --resume continues it."""
    live_view = None
    if watch:
        with web_half():
            import captiongan.web.watch  # noqa: F401  fails now rather than during the training
            from captiongan.web import watch_companion
        live_view = watch_companion.live_view
    overrides = override or []
    if on_divergence is not None:
        overrides = [*overrides, f"training.on_divergence={on_divergence}"]
    if threads is not None:
        overrides = [*overrides, f"training.threads={threads}"]
    with training_half():
        from captiongan.training.start import start

        complete = start(
            config,
            data,
            out,
            resume,
            overrides,
            dry_run,
            live_view,
            into,
            start_from,
            log or (),
        )
    if not complete:
        raise typer.Exit(130)


@app.command()
def reproduce(
    bundle: Annotated[str, typer.Argument(help="Name of a shipped bundle, or a bundle folder.")],
    data: Annotated[str, typer.Option(help="Captioned folder that the bundle was trained on.")],
    into: Annotated[
        Path | None,
        typer.Option(help="Run folder: created, or resumed if it exists; default: a new one."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show configuration, data, network sizes and a timed step."),
    ] = False,
) -> None:
    """Train a bundle again from its data, with the options in its bundle.json."""
    with training_half():
        from captiongan.training.reproduction import reproduce as train_again

        complete = train_again(bundle, data, into, dry_run)
    if not complete:
        raise typer.Exit(130)
