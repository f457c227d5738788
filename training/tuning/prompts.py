"""What a policy is given: a conversation, after the agent's drafting prompt where a recipe says so."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from agent.critic.quoting import neutral
from agent.prompts import prompt

Form = Literal["agent", "bare"]


def prompt_messages(form: Form, turns: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """{role, content} of each turn, without the marks of chat templates, as the agent asks when it drafts."""
    system = [{"role": "system", "content": prompt("draft")}] if form == "agent" else []
    return [*system, *({**turn, "content": neutral(turn["content"])} for turn in turns)]


def token_count(tokenizer: Any, messages: list[dict[str, str]], asked: bool = True) -> int:
    """The tokens of a conversation in the tokenizer's chat form; `asked`: with the opening of the answer."""
    options = {"add_generation_prompt": asked, "tokenize": True, "return_dict": True}
    return len(tokenizer.apply_chat_template(messages, **options)["input_ids"])
