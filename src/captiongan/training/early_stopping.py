"""Early stopping: a run ends when its scores no longer improve (Prechelt 1998)."""

from collections.abc import Sequence

from captiongan.runs.options import ScoresConfig


def reason_to_stop(lines: Sequence[dict[str, float]], scores: ScoresConfig) -> str:
    """Say why a run stops here; empty if it continues.

    Args:
        lines: the run's metrics, oldest first.
        scores: the run's options `scores.*`.
    """
    scored = [line for line in lines if "score_error" in line]
    if not scores.patience or not scored:
        return ""
    best = min(range(len(scored)), key=lambda place: (scored[place]["score_error"], -place))
    if len(scored) - 1 - best < scores.patience:
        return ""
    return (
        f"stopped early at {scored[-1]['kimg']:g} kimg: the last {scores.patience} scores were no "
        f"better than the one at {scored[best]['kimg']:g} kimg, whose checkpoint is kept; "
        f"to wait longer, resume with --set scores.patience={2 * scores.patience}"
    )
