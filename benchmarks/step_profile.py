"""Where the time of a training step goes, by kinds of operators, as PyTorch's profiler sees it."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

KINDS = {
    "convolutions, backward": "convolution_backward|ConvolutionBackward",
    "convolutions, forward": "convolution",
    "batch normalisation": "batch_norm|BatchNorm",
    "rectifiers": "relu|Relu|clamp_min|threshold_backward",
    "Adam, running average": "adam|Adam|lerp",
    "copies": "copy_|clone|contiguous|cat$",
}
"""Regular expressions for names of operators; the first that fits counts."""

OTHER = "all else"


@dataclass(frozen=True)
class Part:
    """One kind of operators: its share of the time, 0 to 1, and its FLOPs in a step."""

    kind: str
    share: float
    flops: float


def parts_of(step: Callable[[], object], rounds: int) -> list[Part]:
    """Profile some steps and count the FLOPs of one more; the largest part comes first."""
    step()
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        for _ in range(rounds):
            step()
    with FlopCounterMode(display=False) as counter:
        step()
    seconds: Counter[str] = Counter()
    for event in measured.key_averages():
        seconds[kind_of(event.key)] += event.self_cpu_time_total
    flops: Counter[str] = Counter()
    for operator, count in counter.get_flop_counts()["Global"].items():
        flops[kind_of(str(operator))] += count
    whole = sum(seconds.values())
    return [Part(kind, part / whole, flops[kind]) for kind, part in seconds.most_common()]


def kind_of(operator: str) -> str:
    """Return the kind of an operator, by its name."""
    return next((kind for kind, names in KINDS.items() if re.search(names, operator)), OTHER)
