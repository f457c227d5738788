"""Who writes the sampled answers: an endpoint, or a model that transformers loads. Both get the same prompts."""

from collections.abc import Callable, Sequence
from typing import Any

from training.common.items import Item
from training.common.reader import fast_bf16
from training.tuning.prompts import prompt_messages

Written = tuple[str, bool]
"""An answer, and whether it ran into the limit of tokens."""
Write = Callable[[Sequence[Item], int], list[list[Written]]]
"""Items and how many answers each gets, to the answers of each."""


def endpoint_writer(model: str | None, base_url: str | None, temperature: float, tokens: int, seed: int) -> Write:
    """Answers by the endpoint that `resolve_endpoint` gives. Raises its errors; the writer raises ModelError."""
    from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

    from agent.llm.client import Model, chat_model
    from agent.llm.endpoint import resolve_endpoint

    chat = chat_model(resolve_endpoint(model, base_url))
    kinds: dict[str, Callable[[str], BaseMessage]] = {
        "system": SystemMessage,
        "user": HumanMessage,
        "assistant": AIMessage,
    }

    def one(item: Item, number: int) -> Written:
        writer = Model(chat, temperature=temperature, seed=seed + number)
        messages = [kinds[turn["role"]](turn["content"]) for turn in prompt_messages("agent", item.turns)]
        return writer.text(messages, tokens), writer.cut

    return lambda items, count: [[one(item, number) for number in range(count)] for item in items]


def local_writer(model: str, batch: int, temperature: float, tokens: int, seed: int) -> Write:
    """Answers by transformers, `batch` at a time. Raises WeightsError where the model cannot be loaded."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    from training.tuning.policy import load_tokenizer, model_source

    tokenizer = load_tokenizer(model, ())
    # On a CPU without bfloat16 in hardware float32 is quicker.
    half = torch.bfloat16 if torch.cuda.is_available() or fast_bf16() else torch.float32
    policy: Any = AutoModelForCausalLM.from_pretrained(model_source(model), dtype=half)
    policy.eval()
    policy.to("cuda" if torch.cuda.is_available() else "cpu")
    options = {"add_generation_prompt": True, "tokenize": False}
    ends = policy.generation_config.eos_token_id
    stops = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}

    def written(ids: list[int]) -> Written:
        end = next((place for place, one in enumerate(ids) if one in stops), None)
        return tokenizer.decode(ids[:end], skip_special_tokens=True).strip(), end is None

    def some(prompts: list[str], number: int) -> list[Written]:
        set_seed(seed + number)
        asked = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False).to(policy.device)
        with torch.inference_mode():
            made = policy.generate(
                **asked, do_sample=True, temperature=temperature, top_p=1.0, top_k=0, max_new_tokens=tokens
            )
        return [written(row) for row in made[:, asked["input_ids"].shape[1] :].tolist()]

    def write(items: Sequence[Item], count: int) -> list[list[Written]]:
        texts = [tokenizer.apply_chat_template(prompt_messages("agent", item.turns), **options) for item in items]
        wanted = [text for text in texts for _ in range(count)]
        answers = [one for at in range(0, len(wanted), batch) for one in some(wanted[at : at + batch], at)]
        return [answers[at : at + count] for at in range(0, len(answers), count)]

    return write
