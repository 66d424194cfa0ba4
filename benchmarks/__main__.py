"""One program for all measurements: `python -m benchmarks VERB`."""

import sys
from importlib import import_module

from captiongan.cli import run

VERBS = {
    "ablation": "each part of the recipe left out in turn, for docs/ablation.md",
    "classes_in_words": "how many classes the captions alone tell",
    "cost_curves": "time and memory by the size of the data, for docs/performance.md",
    "crowds": "an honest client beside hostile ones, for docs/serve.md",
    "gpu_step": "training steps on a GPU, for docs/gpu.md",
    "import_graph": "rooms, arrows and circles of the imports between packages",
    "importing": "time and memory of imports, by the number of pictures",
    "page": "a page without a server beside the server's, for docs/page.md",
    "performance": "training and drawing against the exercise, for docs/performance.md",
    "precision": "training steps on a CPU in both precisions, for docs/performance.md",
    "scaling": "processes against threads, for docs/scale.md",
    "serve": "the server under load, for docs/serve.md",
    "student": "a student beside its teacher, for docs/performance.md",
    "subject": "which prompts a bundle takes for off topic, for docs/text-encoder.md",
    "text": "the text encoders side by side, for docs/text-encoder.md",
    "threads": "training with one thread and with all, idle and beside others",
    "torture": "kills, full disks, hostile input, for docs/reliability.md",
    "truncation": "truncation against scores, for docs/truncation.md",
    "vietnamese": "Vietnamese beside English, for docs/text-encoder.md",
    "word_heat": "where words change a toy flower, for docs/look-inside.md",
}
MODULES = {"crowds": "soak.crowds", "torture": "soak.torture"}


def main(arguments: list[str]) -> None:
    """Run a verb with the rest of the arguments; without a verb, list them."""
    if not arguments or arguments[0] not in VERBS:
        lines = [f"  {verb:<17} {what}" for verb, what in VERBS.items()]
        sys.exit("\n".join(["python -m benchmarks VERB [OPTIONS]", "", *lines]))
    verb, *rest = arguments
    sys.argv = [f"python -m benchmarks {verb}", *rest]
    run(import_module(f"benchmarks.{MODULES.get(verb, verb)}").app)


if __name__ == "__main__":
    main(sys.argv[1:])
