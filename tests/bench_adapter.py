"""What a LoRA loses on its way to an answer, and its cost: `python -m tests.bench_adapter lost | agreement | speed`.

On a profile of the agent, by default the 0.5B: adapters of twenty steps of next-token training, in float32. `lost`
merges them and rounds to bfloat16; `agreement` runs one as a GGUF adapter on the quantised base in llama.cpp, beside
transformers; `speed` reads and writes tokens with adapters of several ranks in turn, and counts what is cached.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from agent.llm.adapter import read_adapter
from agent.llm.profiles import PROFILES, Profile
from agent.llm.server import LocalServer
from agent.llm.weights import ensure_weights
from tests.tiny_lora import adapted
from training.grpo.command import be_quiet
from training.grpo.forms import PROBES, logits, share_lost
from training.grpo.gguf_adapter import pairs_of, write_gguf
from training.tuning.policy import profile_folder

RANK, RATE = 8, 1e-4
RATES = (2e-5, 5e-5, 1e-4)
RANKS = (8, 16, 32, 64)
ROUNDS = 3
PROMPT_TOKENS, WRITTEN_TOKENS = 256, 32


def lost(profile: Profile) -> Iterator[str]:
    """A line a learning rate: the share of what the adapter changes that merging into bfloat16 loses."""
    import torch
    from transformers import AutoTokenizer

    folder = profile_folder(profile)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    yield "learning rate | lost of the weights' change | of the logits' change"
    for rate in RATES:
        model = adapted(folder, RANK, rate)
        trained = logits(model, tokenizer)
        with model.disable_adapter():
            base = logits(model, tokenizer)
        changed = missed = 0.0
        pairs = pairs_of(model)
        merged = model.merge_and_unload()
        for name, weight in merged.named_parameters():
            rounded = weight.data.to(torch.bfloat16).float()
            if name in pairs:
                pair = pairs[name]
                changed += float((pair.scale * (pair.b @ pair.a)).square().sum())
                missed += float((rounded - weight.data).square().sum())
            weight.data = rounded
        share = share_lost(base, trained, logits(merged, tokenizer))
        yield f"{rate:g} | {(missed / changed) ** 0.5:.1%} | {share:.1%}"


def agreement(profile: Profile) -> Iterator[str]:
    """How far the likeliest next tokens' log-probabilities are apart, on average over the probes."""
    from transformers import AutoTokenizer

    folder = profile_folder(profile)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    asked = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        for text in PROBES
    ]
    model = adapted(folder, RANK, RATE)
    with model.disable_adapter():
        base = [one[-1].log_softmax(-1) for one in logits(model, tokenizer)]
    trained = [one[-1].log_softmax(-1) for one in logits(model, tokenizer)]
    with tempfile.TemporaryDirectory() as made:
        write_gguf(model, Path(made) / "mine.gguf")
        del model
        for name, file, meant in (("base", None, base), ("with adapter", Path(made) / "mine.gguf", trained)):
            server = LocalServer(ensure_weights(profile), profile.name, adapter=read_adapter(file) if file else None)
            apart, same, change = [], 0, []
            for prompt, wanted, before, after in zip(asked, meant, base, trained, strict=True):
                reply = complete(server, prompt, n_predict=1, n_probs=20)
                said = {one["id"]: one["logprob"] for one in reply["completion_probabilities"][0]["top_logprobs"]}
                apart += [abs(value - float(wanted[token])) for token, value in said.items()]
                change += [abs(float(after[token] - before[token])) for token in said]
                same += max(said, key=lambda token: said[token]) == int(wanted.argmax())
            server.stop()
            mean_apart, mean_change = (sum(values) / len(values) for values in (apart, change))
            yield (
                f"{name}: llama.cpp and transformers are {mean_apart:.3f} nats apart, the likeliest token the same in "
                f"{same} of {len(asked)}; it changes {mean_change:.3f} nats"
            )


def speed(profile: Profile) -> Iterator[str]:
    """A line a rank: tokens a second, the best of some rounds, and how much of a prompt is cached when repeated."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from training.tuning.policy import lora_config

    folder = profile_folder(profile)
    with tempfile.TemporaryDirectory() as made, ExitStack() as servers:
        running: dict[int, LocalServer] = {}
        for rank in (0, *RANKS):
            file = Path(made) / f"rank{rank}.gguf"
            if rank:
                model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), lora_config(rank))
                for name, parameter in model.named_parameters():
                    if "lora_B" in name:
                        parameter.data = 1e-3 * torch.randn_like(parameter)
                write_gguf(model, file)
                del model
            adapter = read_adapter(file) if rank else None
            running[rank] = LocalServer(ensure_weights(profile), profile.name, adapter=adapter)
            servers.callback(running[rank].stop)
        best = dict.fromkeys(running, (0.0, 0.0))
        cached = dict.fromkeys(running, 0)
        for turn in range(ROUNDS):
            for rank, server in running.items():
                prompt = [1000 + 997 * turn + 7 * place for place in range(PROMPT_TOKENS)]
                took = complete(server, prompt, n_predict=WRITTEN_TOKENS)["timings"]
                read, wrote = best[rank]
                best[rank] = max(read, took["prompt_per_second"]), max(wrote, took["predicted_per_second"])
                again = complete(server, [*prompt, 5, 6, 7], n_predict=1)["timings"]
                cached[rank] = again["cache_n"]
        yield f"rank | prompt tokens a second | written tokens a second | cached of {PROMPT_TOKENS} on the second call"
        for rank, (read, wrote) in best.items():
            yield f"{rank or 'none'} | {read:.0f} | {wrote:.1f} | {cached[rank]}"


def complete(server: LocalServer, prompt: list[int], **options: object) -> Any:
    """llama.cpp's reply to a prompt of tokens, greedy."""
    url = f"{server.base_url.removesuffix('/v1')}/completion"
    body = {"prompt": prompt, "temperature": 0, "ignore_eos": True, "cache_prompt": True, **options}
    headers = {"Authorization": f"Bearer {server.api_key}"}
    reply = httpx.post(url, json=body, headers=headers, timeout=600, trust_env=False)
    reply.raise_for_status()
    return reply.json()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_adapter", description=__doc__)
    kinds = {"lost": lost, "agreement": agreement, "speed": speed}
    parser.add_argument("what", choices=kinds)
    parser.add_argument("--profile", choices=PROFILES, default="qwen2.5-coder-0.5b", help="default: %(default)s")
    given = parser.parse_args()
    be_quiet()
    for line in kinds[given.what](PROFILES[given.profile]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
