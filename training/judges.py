"""The judges by name, and what identifies their verdicts."""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from agent.llm import judge as by_probability
from agent.llm.client import Model, chat_model
from agent.llm.endpoint import resolve_endpoint
from agent.llm.json_judge import JsonJudge
from principles.cached import CachedJudge
from principles.errors import ConfigError
from principles.grader import Judge
from training.options import JUDGES
from training.simple_grader import SimpleGrader

_MAKE: dict[str, Callable[[Model], Judge]] = {
    "logprob": by_probability.ModelJudge,
    "json": JsonJudge,
    "simple": SimpleGrader,
}
_PROMPTS = {
    "logprob": ("judge_system", "judge", "judge_yes_no", "judge_statement", "judge_json"),
    "json": ("judge_batch_system", "judge", "judge_batch"),
    "simple": ("simple_grader",),
}


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
    if name not in JUDGES:
        raise ConfigError(f"unknown judge {name!r}: use one of {', '.join(JUDGES)}")
    if name == "local":
        if local is None:
            raise ConfigError("the local judge needs its checkpoint: give its folder")
        from training.judge import LocalJudge  # torch: only where it is wanted

        judge: Judge = LocalJudge.load(local)
        identity = judge_identity(name, _fingerprint(local))
    else:
        endpoint = resolve_endpoint(model, base_url)
        judge = _MAKE[name](Model(chat_model(endpoint)))
        identity = judge_identity(name, endpoint.model)
    return CachedJudge(judge, cache, identity) if cache else judge


def judge_identity(name: str, model: str) -> str:
    """What decides a verdict beside the texts: judge, model, and a hash of prompts, sanitising and thresholds."""
    digest = hashlib.sha256()
    for prompt_name in _PROMPTS.get(name, ()):
        digest.update(files("agent.prompts").joinpath(f"{prompt_name}.txt").read_bytes() + b"\0")
    for rules in ("quoting.py", "pleas.py"):
        digest.update(files("agent.llm").joinpath(rules).read_bytes())
    if name == "logprob":
        thresholds = (
            by_probability.MET_FROM,
            by_probability.MET_FROM_IF_CRITICAL,
            by_probability.FAULT_FROM_IF_CRITICAL,
        )
        digest.update(repr(thresholds).encode())
    return f"{name} {model} {digest.hexdigest()[:16]}"


def _fingerprint(folder: Path) -> str:
    """Names, sizes and times of a checkpoint's files: it may be trained again at the same place."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    states = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16]
