"""What the log of a training on given answers tells: the loss on held-out answers, its best, and when to stop."""

from training.tuning.log import Log, series

LOSS, HELD_OUT = "loss", "eval_loss"


def best(log: Log) -> tuple[int, float] | None:
    """(step, loss) of the lowest loss on held-out answers; None before the first look."""
    looks = series(log, HELD_OUT)
    return min(looks, key=lambda look: look[1]) if looks else None


def has_stalled(log: Log, patience: int) -> bool:
    """Whether the newest `patience` looks at the held-out loss all failed to bring a new best."""
    looks = [value for _, value in series(log, HELD_OUT)]
    return bool(patience) and len(looks) > patience and min(looks[-patience:]) >= min(looks[:-patience])
