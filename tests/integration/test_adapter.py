"""The agent's own engine with an adapter: llama.cpp against transformers, and the way from training to the reply."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.llm import endpoint, profiles
from agent.llm.adapter import read_adapter
from agent.llm.server import LocalServer, stop_all
from principles.errors import ServerError
from tests import needs
from tests.tiny_lora import adapted, tiny_base

needs.require("training")

import training.grpo.export  # noqa: E402
from tests.tiny_gguf import write_tiny_gguf  # noqa: E402
from tests.unit.training.tiny_run import command, grpo  # noqa: E402
from training.grpo.gguf_adapter import write_gguf  # noqa: E402

IDS = [5, 6, 7, 8, 100, 200, 300, 20]
LETTER_E = 71  # of the tiny tokenizer


@contextmanager
def running(weights: Path, adapter: Path | None) -> Iterator[LocalServer]:
    server = LocalServer(weights, "tiny", context_tokens=1024, adapter=read_adapter(adapter) if adapter else None)
    try:
        yield server
    finally:
        server.stop()


def post(url: str, key: str, **body: object) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    response = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
    response.raise_for_status()
    return response.json()


def next_token(server: LocalServer) -> dict[int, float]:
    """The likeliest next tokens after IDS, and their log-probabilities."""
    url = f"{server.base_url.removesuffix('/v1')}/completion"
    # A random model's token may be half a letter, of which nothing is told: so it has to write "e", and what is told of
    # the others is as it was without that.
    reply = post(url, server.api_key, prompt=IDS, n_predict=1, n_probs=20, temperature=0, logit_bias=[[LETTER_E, 100]])
    return {one["id"]: one["logprob"] for one in reply["completion_probabilities"][0]["top_logprobs"]}


def expected(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0, -1].float().log_softmax(-1)


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_llama_cpp_says_what_the_merged_model_says(tmp_path: Path, kind: str) -> None:
    folder = tiny_base(tmp_path / "base", kind)
    weights = write_tiny_gguf(folder, tmp_path / "base.gguf")
    model = adapted(folder)
    write_gguf(model, tmp_path / "mine.gguf")
    with model.disable_adapter():
        base = expected(model)
    merged = expected(model.merge_and_unload())
    for adapter, wanted in ((None, base), (tmp_path / "mine.gguf", merged)):
        with running(weights, adapter) as server:
            assert server.model.startswith("tiny+mine-" if adapter else "tiny")
            said = next_token(server)
        assert max(abs(value - float(wanted[token])) for token, value in said.items()) < 0.01
    assert float((merged - base).abs().max()) > 0.3


def test_an_adapter_of_another_width_is_refused_in_words(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    weights = write_tiny_gguf(folder, tmp_path / "base.gguf")
    model = adapted(folder)
    # The same kind with as many layers, and narrower.
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            parameter.data = parameter.data[:, :16].contiguous()
    write_gguf(model, tmp_path / "mine.gguf")
    with pytest.raises(ServerError, match=r"server for tiny\+mine-\w+ did not start: .*(shape|lora)"):
        LocalServer(weights, "tiny", adapter=read_adapter(tmp_path / "mine.gguf"))


def test_from_training_to_the_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train, export, and have the agent's endpoint serve base and adapter: the reply is another, the prefix is kept."""
    out = tmp_path / "run"
    taught = {"judge": "similarity", "soft": "true", "lora_rank": 4, "learning_rate": 0.05, "group": 4}
    assert grpo(out=out, steps=4, questions_per_step=2, device_batch=8, max_completion_tokens=16, **taught) == 0
    assert command(training.grpo.export, out, tmp_path / "mine") == 0
    monkeypatch.setenv("CLINALIGN_CACHE", str(tmp_path / "cache"))
    for name in ("BASE_URL", "MODEL", "PORT"):
        monkeypatch.delenv(f"CLINALIGN_{name}", raising=False)
    weights = tmp_path / "cache" / "weights" / "tiny.gguf"
    weights.parent.mkdir(parents=True)
    content = write_tiny_gguf(out / "untrained", weights).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    profile = profiles.Profile("tiny", "none/none", weights.name, len(content), sha256, "Apache-2.0", None)
    monkeypatch.setitem(profiles.PROFILES, "tiny", profile)
    question = {"role": "user", "content": "What helps against a cough? " * 8}
    replies, cached = [], []
    try:
        for adapter in (None, tmp_path / "mine" / "adapter.gguf"):
            served = endpoint.resolve_endpoint("tiny", adapter=adapter)
            assert served.model.startswith("tiny+adapter-") == bool(adapter)
            asked = {"model": served.model, "messages": [question], "max_tokens": 24, "temperature": 0}
            url = f"{served.base_url}/chat/completions"
            first, second = (post(url, served.api_key, **asked) for _ in range(2))
            replies.append(first["choices"][0]["message"]["content"])
            assert second["choices"][0]["message"]["content"] == replies[-1]
            cached.append(second["usage"]["prompt_tokens_details"]["cached_tokens"])
    finally:
        stop_all()
    assert replies[0] != replies[1]
    assert cached[0] == cached[1] > 50
