"""The same synthesis as a Ray Data job: one worker for each engine, on one machine or a cluster.

Each worker loads the library and the encoder once and sends its questions to an engine of its own, an
OpenAI-compatible endpoint such as `vllm serve`. The driver writes the lines, so that a job that was cut off goes
on like any other. RAY_ADDRESS names a cluster; without it Ray starts on this machine.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from training.common.pool import in_threads
from training.common.questions import Question
from training.synthesis.pipeline import Attempt, Plan, endpoint_of, make_synthesizer

# Small enough that lines reach the disk soon and workers end at about the same time.
BATCH = 16
# A worker mostly waits for its engine.
CPUS = 0.5


class Engines:
    """Hands out the engines in turn, one to each worker; a worker that is started again gets the next."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = itertools.cycle(urls)

    def claim(self) -> str:
        """The engine for one more worker."""
        return next(self._urls)


class Worker:
    """Ray makes one for each engine and calls it with batches of questions."""

    def __init__(self, plan: Plan, engines: Any) -> None:
        import ray

        plan = replace(plan, base_url=ray.get(engines.claim.remote()))
        self._synthesizer = make_synthesizer(plan, endpoint_of(plan))

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        questions = [Question.model_validate_json(text) for text in batch["question"]]
        rows = [asdict(attempt) for attempt in in_threads(self._synthesizer.attempt, questions, local=False)]
        # Empty text, not null: Arrow cannot tell the type of a column of nulls.
        return {name: [row[name] or ("" if name != "refused" else False) for row in rows] for name in rows[0]}


def in_ray(plan: Plan, engines: Sequence[str], questions: Sequence[Question]) -> Iterator[Attempt]:
    """The attempts as they come, in no certain order."""
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    handout = ray.remote(num_cpus=0)(Engines).remote(list(engines))
    rows = [{"question": question.model_dump_json()} for question in questions]
    blocks = min(len(rows), max(len(engines), -(-len(rows) // BATCH)))
    lines = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        Worker,
        fn_constructor_args=(plan, handout),
        batch_size=BATCH,
        # One batch a worker: else the first to be ready would take what belongs to the others.
        compute=ray.data.ActorPoolStrategy(size=len(engines), max_tasks_in_flight_per_actor=1),
        num_cpus=CPUS,
    )
    for row in lines.iter_rows():
        yield Attempt(row["prompt_id"], row["line"] or None, bool(row["refused"]), row["error"] or None)
