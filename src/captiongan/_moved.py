"""Old names of modules: each imports what moved, with a DeprecationWarning that says where to."""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "captiongan.adam_state": "captiongan.compute.adam_state",
    "captiongan.augment": "captiongan.training.augment",
    "captiongan.cache": "captiongan.base.cache",
    "captiongan.client": "captiongan.draw.client",
    "captiongan.cluster": "captiongan.bulk.ray_cluster",
    "captiongan.config": "captiongan.runs.config",
    "captiongan.cores": "captiongan.base.threads",
    "captiongan.data.importers.found": "captiongan.data.importers.items",
    "captiongan.data.importers.parquet": "captiongan.data.importers.hugging_face",
    "captiongan.data.importers.table": "captiongan.data.importers.csv_table",
    "captiongan.data.squares": "captiongan.data.decode",
    "captiongan.evaluation.exam": "captiongan.evaluation.benchmark",
    "captiongan.evaluation.judges": "captiongan.evaluation.probes",
    "captiongan.files": "captiongan.base.files",
    "captiongan.hardware": "captiongan.compute.devices",
    "captiongan.interpolation": "captiongan.draw.interpolation",
    "captiongan.leader": "captiongan.base.main_process",
    "captiongan.losses": "captiongan.training.losses",
    "captiongan.memory": "captiongan.compute.memory",
    "captiongan.migrations": "captiongan.base.schemas",
    "captiongan.model_card": "captiongan.bundle.model_card",
    "captiongan.networks.beside": "captiongan.networks.two_discriminators",
    "captiongan.networks.choose": "captiongan.networks.registry",
    "captiongan.onnx_check": "captiongan.bundle.onnx_check",
    "captiongan.onnx_file": "captiongan.export.to_onnx",
    "captiongan.onnx_session": "captiongan.bundle.onnx_session",
    "captiongan.onnx_upsampling": "captiongan.export.onnx_upsampling",
    "captiongan.picture_file": "captiongan.base.image_reading",
    "captiongan.pictures": "captiongan.draw.picture",
    "captiongan.pipeline": "captiongan.draw.pipeline",
    "captiongan.plan": "captiongan.draw.plan",
    "captiongan.processes": "captiongan.compute.distributed",
    "captiongan.progress": "captiongan.base.progress",
    "captiongan.prompts": "captiongan.draw.prompts",
    "captiongan.rank_teacher": "captiongan.training.rank_teacher",
    "captiongan.rank_training": "captiongan.training.train_ranker",
    "captiongan.schedule": "captiongan.compute.cosine_schedule",
    "captiongan.style_training": "captiongan.training.train_style_encoder",
    "captiongan.text.align": "captiongan.text_training.align",
    "captiongan.text.binding": "captiongan.text_training.colour_binding",
    "captiongan.text.cached": "captiongan.text.cached_embeddings",
    "captiongan.text.char_cnn_rnn": "captiongan.text_training.char_cnn_rnn",
    "captiongan.text.choose": "captiongan.text.registry",
    "captiongan.text.corpus": "captiongan.text_training.corpus",
    "captiongan.text.distill": "captiongan.text_training.distill",
    "captiongan.text.encoder": "captiongan.bundle.text_encoder",
    "captiongan.text.glosses": "captiongan.text_training.wordnet",
    "captiongan.text.looks": "captiongan.text_training.grammar",
    "captiongan.text.looks_words": "captiongan.text.vocabulary",
    "captiongan.text.passes": "captiongan.text_training.fit",
    "captiongan.text.small": "captiongan.text_training.small",
    "captiongan.text.wording": "captiongan.training.conditioning_augmentation",
    "captiongan.text_lines": "captiongan.base.lines",
    "captiongan.text_training.colour_swap": "captiongan.text.colour_swap",
    "captiongan.text_training.vocabulary": "captiongan.text.vocabulary",
    "captiongan.training.alarms": "captiongan.runs.alarms",
    "captiongan.training.captured": "captiongan.training.cuda_graph",
    "captiongan.training.checkpoint": "captiongan.runs.checkpoint",
    "captiongan.training.equivalent": "captiongan.training.progress_in_kimg",
    "captiongan.training.fading": "captiongan.training.schedules",
    "captiongan.training.game": "captiongan.training.state",
    "captiongan.training.material": "captiongan.training.data_source",
    "captiongan.training.patience": "captiongan.training.early_stopping",
    "captiongan.training.report": "captiongan.training.console",
    "captiongan.training.run_folder": "captiongan.runs.run_folder",
    "captiongan.training.samples": "captiongan.training.sample_grid",
    "captiongan.training.scoring": "captiongan.training.self_scoring",
    "captiongan.training.trained": "captiongan.runs.load_trained",
    "captiongan.training.typical": "captiongan.training.instance_selection",
    "captiongan.training.warm_start": "captiongan.training.from_bundle",
    "captiongan.web.answers": "captiongan.web.responses",
    "captiongan.web.facts": "captiongan.web.descriptions",
    "captiongan.web.refusal": "captiongan.web.errors",
}
"""The new name of each module that moved."""


class OldModules:
    """Finds and fills a module for each old name of `moved`."""

    def __init__(self, moved: dict[str, str]) -> None:
        self.moved = moved

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Answer for the old names alone."""
        return ModuleSpec(name, self) if name in self.moved else None  # type: ignore[arg-type]

    def create_module(self, _: ModuleSpec) -> None:
        """Let Python make an empty module."""

    def exec_module(self, old: ModuleType) -> None:
        """Let an old module hand out the names of the new one."""
        _warn(old.__name__, self.moved[old.__name__], stacklevel=3)
        vars(old)["__getattr__"] = _names_of(self.moved[old.__name__])


def install() -> None:
    """Make the old names importable; behind all other finders, so a module that is there wins."""
    sys.meta_path.append(OldModules(MOVED))


def forward(old: str, module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of the module or package `old`, whose names are now in `module`."""
    value_of = _names_of(module)

    def __getattr__(name: str) -> Any:  # noqa: N807
        from importlib.util import find_spec

        is_package = "__path__" in vars(sys.modules[old])
        if is_package and not name.startswith("__") and find_spec(f"{old}.{name}"):
            raise AttributeError(f"module '{old}' has yet to import its module '{name}'")
        value = value_of(name)
        _warn(f"{old}.{name}", module, stacklevel=3)
        return value

    return __getattr__


def _names_of(module: str) -> Callable[[str], Any]:
    """Return a function that finds a name in a module, or in the public face if it went further."""

    def value_of(name: str) -> Any:
        from importlib import import_module

        if name.startswith("__"):
            raise AttributeError(name)
        home = import_module(module)
        return getattr(home if hasattr(home, name) else import_module("captiongan"), name)

    return value_of


def _warn(old: str, new: str, stacklevel: int) -> None:
    from warnings import warn

    warn(
        f"'{old}' moved and will be removed; import from 'captiongan', or from '{new}'",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
