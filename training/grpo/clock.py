"""What a training step takes."""

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

WARM_UP = 2


class Clock(TrainerCallback):
    """(wall, processor) seconds of each step, its log included."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, float]] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Note the time; the trainer calls it."""
        self._marks.append((time.perf_counter(), time.process_time()))

    def steps(self) -> list[tuple[float, float]]:
        """Without the first ones."""
        pairs = zip(self._marks, self._marks[1:], strict=False)
        return [(end[0] - start[0], end[1] - start[1]) for start, end in pairs][WARM_UP:]
