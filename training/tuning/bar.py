"""A training's progress on stderr, with the newest of its figures."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.common.progress import Done, bar


class Bar(TrainerCallback):
    """`shown` are the names of figures in the log with their formats; `say` makes a note of them, "…" where none is."""

    def __init__(self, shown: Mapping[str, str], say: Callable[..., str]) -> None:
        self._open = ExitStack()
        self._done: Done | None = None
        self._formats, self._say = shown, say
        self._shown = dict.fromkeys(shown, "…")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Begin the bar; the trainer calls it."""
        if state.is_world_process_zero:
            self._step = state.global_step
            self._done = self._open.enter_context(bar("training", state.max_steps, state.global_step))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Show the newest figures; the trainer calls it."""
        if self._done is None:
            return
        newest = state.log_history[-1]
        for name, form in self._formats.items():
            if newest.get(name) is not None:
                self._shown[name] = format(newest[name], form)
        self._done(state.global_step - self._step, self._say(*self._shown.values()))
        self._step = state.global_step

    def close(self) -> None:
        """Also where the training failed."""
        self._open.close()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """End the bar; the trainer calls it."""
        self.close()


def callback(trainer: Any, kind: type) -> Any:
    """The trainer's callback of a kind."""
    return next(one for one in trainer.callback_handler.callbacks if isinstance(one, kind))
