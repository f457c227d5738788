"""The judges by name: each is loaded when it is asked for, and knows what identifies its verdicts.

To add one, write a loader and name it in `ENTRIES`, at the end.
"""

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from principles.errors import ConfigError
from principles.grader import Judge
from training.common.settings import content_sha256


@dataclass(frozen=True)
class Wanted:
    """Where a judge is: its model at an endpoint as `resolve_endpoint` takes them, or the folder of a trained one."""

    base_url: str | None = None
    model: str | None = None
    folder: Path | None = None


Loaded = tuple[Judge, str]
"""A judge, and what decides its verdicts beside the texts and its prompts: model, version, thresholds."""


@dataclass(frozen=True)
class Entry:
    """How a judge is loaded, and its prompts, the files `prompts` of a package.

    One that is `by_rule` understands no answer: recipes may train with it where nothing else can grade, and no
    command offers it for grading. `blind_to_padding`: a sentence more never makes it less sure that a criterion is met.
    """

    load: Callable[[Wanted], Loaded]
    package: str = "agent.critic.prompts"
    prompts: tuple[str, ...] = ()
    by_rule: bool = False
    blind_to_padding: bool = False


def make_judge(
    name: str,
    *,
    base_url: str | None = None,
    model: str | None = None,
    local: Path | None = None,
    cache: Path | None = None,
) -> Judge:
    """The judge called `name`, on the endpoint that `resolve_endpoint` gives, or for "local" the checkpoint at `local`.

    Verdicts are kept in the file `cache` if one is given. Raises ConfigError for an unknown name, and the errors
    of `resolve_endpoint`.
    """
    if name not in ENTRIES:
        raise ConfigError(f"unknown judge {name!r}: use one of {', '.join(ENTRIES)}")
    judge, told = ENTRIES[name].load(Wanted(base_url, model, local))
    if cache is None:
        return judge
    from training.judge.cached import cached_judge

    return cached_judge(judge, cache, judge_identity(name, told))


def judge_given(given: argparse.Namespace) -> Judge:
    """The judge that a command was given with `add_judge_options`. Raises the errors of `make_judge`."""
    return make_judge(
        given.judge,
        base_url=given.judge_base_url,
        model=given.judge_model,
        local=given.judge_path,
        cache=given.judge_cache,
    )


# What puts prompts together and reads replies; a change of it may change verdicts.
CODE = (
    ("agent.critic", "quoting.py"),
    ("agent.critic", "pleas.py"),
    ("agent.critic", "asking.py"),
    ("agent.critic", "by_json.py"),
    ("agent.critic", "judge.py"),
    ("agent.prompts", "__init__.py"),
)


def judge_identity(name: str, told: str) -> str:
    """What decides a verdict beside the texts: the judge, what its loader told, a hash of its prompts and of `CODE`."""
    entry, digest = ENTRIES[name], hashlib.sha256()
    for prompt in entry.prompts:
        digest.update(files(entry.package).joinpath(f"{prompt}.txt").read_bytes() + b"\0")
    for package, code in CODE:
        digest.update(files(package).joinpath(code).read_bytes())
    return f"{name} {told} {digest.hexdigest()[:16]}"


# The loaders import what they need: torch and the HTTP client take seconds, too long for a command's help.


def _logprob(wanted: Wanted) -> Loaded:
    from agent.critic import judge as by_probability

    # Verdicts of two kinds are two judges: what is measured and cached as the one must not be the other's.
    judge, model = _asking(partial(by_probability.ModelJudge, else_json=False), wanted)
    thresholds = by_probability.MET_FROM, by_probability.MET_FROM_IF_CRITICAL, by_probability.FAULT_FROM_IF_CRITICAL
    return judge, f"{model} {thresholds}"


def _json(wanted: Wanted) -> Loaded:
    from agent.critic.by_json import JsonJudge

    return _asking(JsonJudge, wanted)


def _simple(wanted: Wanted) -> Loaded:
    from training.judge.simple import SimpleGrader

    return _asking(SimpleGrader, wanted)


def _asking(made: Callable[..., Judge], wanted: Wanted) -> Loaded:
    from agent.llm.client import Model, chat_model
    from agent.llm.endpoint import resolve_endpoint

    endpoint = resolve_endpoint(wanted.model, wanted.base_url)
    return made(Model(chat_model(endpoint))), endpoint.model


def _local(wanted: Wanted) -> Loaded:
    if wanted.folder is None:
        raise ConfigError("the local judge needs its checkpoint: give its folder")
    from training.judge.local.judge import LocalJudge

    return LocalJudge.load(wanted.folder), content_sha256(wanted.folder)


def _lexical(wanted: Wanted) -> Loaded:
    from training.judge.rules import LexicalJudge

    return LexicalJudge(), ""


def _similarity(wanted: Wanted) -> Loaded:
    from retrieval.encoder import load_encoder
    from training.judge.rules import SimilarityJudge

    encoder = load_encoder()
    return SimilarityJudge(encoder), f"{encoder.name} {encoder.revision}"


ENTRIES: dict[str, Entry] = {
    "logprob": Entry(_logprob, prompts=("judge_system", "judge", "judge_yes_no", "judge_statement")),
    "json": Entry(_json, prompts=("judge_batch_system", "judge", "judge_batch")),
    "simple": Entry(_simple, package="training.judge.prompts", prompts=("simple",)),
    "local": Entry(_local),
    "lexical": Entry(_lexical, by_rule=True, blind_to_padding=True),
    "similarity": Entry(_similarity, by_rule=True, blind_to_padding=True),
}
JUDGES = tuple(name for name, entry in ENTRIES.items() if not entry.by_rule)
RULES = tuple(name for name, entry in ENTRIES.items() if entry.by_rule)
