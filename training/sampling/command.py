"""`python -m training sample`: several answers to each question, sampled and judged, for `python -m training pairs`.

The policy gets the agent's drafting prompt, as in training. Each question is on the disk before the next begins.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from principles.errors import ConfigError
from principles.hard import refuse_hard
from training.common.items import Item, numbered_items
from training.common.journal import folder_begun_under
from training.common.options import add_judge_options, count, require_judge_path
from training.common.progress import bar
from training.common.settings import content_sha256
from training.judge.batch import judged
from training.judge.registry import JUDGES, judge_given
from training.sampling.kept import SAMPLES, Sample, Sampled, keep, read_samples
from training.sampling.writers import Write, endpoint_writer, local_writer

EPILOG = """
The same command goes on where it was. Exit status: 0 all questions are done, 2 an error that the message explains, 130
interrupted. The judge does not follow --model. Next: python -m training pairs OUT --out PAIRS.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = EPILOG
    option = parser.add_argument
    option("--data", type=Path, required=True, metavar="FILE", help="questions and their rubrics: docs/formats.md")
    option("--limit", type=count, metavar="N", help="only the first N questions")
    option("--engine", choices=("endpoint", "hf"), default="endpoint", help="who runs the model (hf: transformers)")
    option("--model", metavar="NAME", help="a profile, a name with --base-url, or for hf a folder")
    option("--base-url", metavar="URL", help="an OpenAI-compatible endpoint for the answers")
    option("--samples", type=count, default=8, metavar="N", help="answers a question (default 8)")
    option("--batch", type=count, default=32, metavar="N", help="answers at a time, for hf (default 32)")
    option("--temperature", type=_above_zero, default=1.0, metavar="T", help="of sampling (default 1.0)")
    option("--max-tokens", type=count, default=600, metavar="N", help="longest answer (default 600)")
    option("--seed", type=int, default=0, metavar="N", help="of sampling (default 0)")
    option("--judge", choices=JUDGES, default="logprob", help="who grades (default logprob)")
    add_judge_options(parser, cache=True)
    option("--workers", type=count, default=1, metavar="N", help="answers judged at a time (default 1)")
    option("--out", type=Path, required=True, metavar="DIR", help="the folder to write, or to go on in")


def run(given: argparse.Namespace) -> int:
    """Sample as `given`; returns the exit status. Raises ClinAlignError."""
    require_judge_path(given)
    if given.samples < 2:
        raise ConfigError("--samples: a pair takes two answers: give 2 or more")
    if given.engine == "hf" and not given.model:
        raise ConfigError("--engine hf needs --model: a profile of the agent or the folder of a Hugging Face model")
    items = [item for _, item in numbered_items(given.data)]
    refuse_hard(given.data, [item.hard for item in items])
    items = items[: given.limit]
    path = given.out / SAMPLES
    with folder_begun_under(_settings(given), given.out, SAMPLES):
        done = {one.key for one in read_samples(path, mend=True)}
        todo = [item for item in items if item.key not in done]
        if todo:
            _work(todo, given, path, len(items) - len(todo))
    print(path)
    return 0


def _work(todo: list[Item], given: argparse.Namespace, path: Path, before: int) -> None:
    judge, write = judge_given(given), _writer(given)
    at_once = max(1, given.batch // given.samples) if given.engine == "hf" else 1
    with bar("sampling", before + len(todo), before) as done:
        for at in range(0, len(todo), at_once):
            some = todo[at : at + at_once]
            answers = write(some, given.samples)
            pairs = [(item, one) for item, texts in zip(some, answers, strict=True) for one in texts]
            grades = judged([(item.rubric, item.turns, text) for item, (text, _) in pairs], judge, given.workers)
            samples = [
                Sample(response=text, cut=cut, grade=found)
                for (_, (text, cut)), found in zip(pairs, grades, strict=True)
            ]
            for place, item in enumerate(some):
                own = samples[place * given.samples : (place + 1) * given.samples]
                points = {criterion.id: criterion.points for criterion in item.rubric.criteria}
                keep(
                    path,
                    Sampled(key=item.key, turns=item.turns, points=points, samples=tuple(own), canary=item.canary),
                )
            failed = sum(one is None for one in grades)
            if failed:
                print(f"clinalign: the judge failed on {failed} of {len(grades)} answers", file=sys.stderr)
            done(len(some))


def _writer(given: argparse.Namespace) -> Write:
    if given.engine == "hf":
        return local_writer(given.model, given.batch, given.temperature, given.max_tokens, given.seed)
    return endpoint_writer(given.model, given.base_url, given.temperature, given.max_tokens, given.seed)


def _settings(given: argparse.Namespace) -> dict[str, object]:
    return {
        "version": version("clinalign"),
        "data": content_sha256(given.data),
        **{name: getattr(given, name) for name in ("engine", "model", "samples", "temperature", "max_tokens", "seed")},
        "judge": content_sha256(given.judge_path) if given.judge == "local" else given.judge,
        "judge_model": given.judge_model,
    }


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 2:
        raise ValueError
    return value
