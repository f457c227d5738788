"""The judges by name: each is loaded when it is asked for, and knows what identifies its verdicts.

To add one, write a loader that takes a `Wanted` and gives the judge and its identity, and name it in `_LOADERS`.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from principles.errors import ConfigError
from principles.grader import Judge

# Those that a person may choose for grading, and those by rule, which only train where nothing else can grade.
JUDGES = ("logprob", "json", "simple", "local")
RULES = ("lexical", "similarity")


@dataclass(frozen=True)
class Wanted:
    """Where a judge is: its model at an endpoint as `resolve_endpoint` takes them, or the folder of a trained one."""

    base_url: str | None = None
    model: str | None = None
    folder: Path | None = None


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
    if name not in _LOADERS:
        raise ConfigError(f"unknown judge {name!r}: use one of {', '.join(_LOADERS)}")
    judge, identity = _LOADERS[name](Wanted(base_url, model, local))
    if cache is None:
        return judge
    from training.judge.cached import CachedJudge

    return CachedJudge(judge, cache, identity)


def judge_given(given: argparse.Namespace) -> Judge:
    """The judge that a command was given with `add_judge_options`. Raises the errors of `make_judge`."""
    return make_judge(
        given.judge,
        base_url=given.judge_base_url,
        model=given.judge_model,
        local=given.judge_path,
        cache=given.judge_cache,
    )


def judge_identity(name: str, model: str, rules: Sequence[object] = ()) -> str:
    """What decides a verdict beside the texts: judge, model, and a hash of prompts, sanitising and thresholds."""
    digest = hashlib.sha256()
    package, prompts = _PROMPTS.get(name, ("agent.critic.prompts", ()))
    for prompt in prompts:
        digest.update(files(package).joinpath(f"{prompt}.txt").read_bytes() + b"\0")
    for code in ("quoting.py", "pleas.py"):
        digest.update(files("agent.critic").joinpath(code).read_bytes())
    digest.update(repr(tuple(rules)).encode())
    return f"{name} {model} {digest.hexdigest()[:16]}"


_PROMPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "logprob": ("agent.critic.prompts", ("judge_system", "judge", "judge_yes_no", "judge_statement")),
    "json": ("agent.critic.prompts", ("judge_batch_system", "judge", "judge_batch")),
    "simple": ("training.judge.prompts", ("simple",)),
}


# The loaders import what they need: torch and the HTTP client take seconds, too long for a command's help.


def _logprob(wanted: Wanted) -> tuple[Judge, str]:
    from agent.critic import judge as by_probability

    rules = by_probability.MET_FROM, by_probability.MET_FROM_IF_CRITICAL, by_probability.FAULT_FROM_IF_CRITICAL
    return _asking("logprob", by_probability.ModelJudge, wanted, rules)


def _json(wanted: Wanted) -> tuple[Judge, str]:
    from agent.critic.by_json import JsonJudge

    return _asking("json", JsonJudge, wanted)


def _simple(wanted: Wanted) -> tuple[Judge, str]:
    from training.judge.simple import SimpleGrader

    return _asking("simple", SimpleGrader, wanted)


def _asking(name: str, made: Callable[..., Judge], wanted: Wanted, rules: Sequence[object] = ()) -> tuple[Judge, str]:
    from agent.llm.client import Model, chat_model
    from agent.llm.endpoint import resolve_endpoint

    endpoint = resolve_endpoint(wanted.model, wanted.base_url)
    return made(Model(chat_model(endpoint))), judge_identity(name, endpoint.model, rules)


def _local(wanted: Wanted) -> tuple[Judge, str]:
    if wanted.folder is None:
        raise ConfigError("the local judge needs its checkpoint: give its folder")
    from training.judge.local.judge import LocalJudge

    return LocalJudge.load(wanted.folder), judge_identity("local", _fingerprint(wanted.folder))


def _lexical(wanted: Wanted) -> tuple[Judge, str]:
    from training.judge.rules import LexicalJudge

    return LexicalJudge(), judge_identity("lexical", "")


def _similarity(wanted: Wanted) -> tuple[Judge, str]:
    from retrieval.encoder import load_encoder
    from training.judge.rules import SimilarityJudge

    encoder = load_encoder()
    return SimilarityJudge(encoder), judge_identity("similarity", f"{encoder.name} {encoder.revision}")


def _fingerprint(folder: Path) -> str:
    """Names, sizes and times of a checkpoint's files: it may be trained again at the same place."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    states = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16]


_LOADERS: dict[str, Callable[[Wanted], tuple[Judge, str]]] = {
    "logprob": _logprob,
    "json": _json,
    "simple": _simple,
    "local": _local,
    "lexical": _lexical,
    "similarity": _similarity,
}
