"""A conversation and its review as a file to keep: Markdown to read, JSON for programs.

What people and models wrote stands in fences or is escaped: where the Markdown is shown as a page, nothing of it
becomes a link, a picture or a tag.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent import NOTICE
from agent.conversation import counted
from agent.prompts import fence
from agent.state import Output
from ui.chat.verdicts import verdicts_of

Message = Mapping[str, Any]
Result = Mapping[str, Any]
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~$&:@])")
_DIMENSIONS = ("urgency", "uncertainty", "expertise", "task")


def as_markdown(messages: Sequence[Message], results: Sequence[Result]) -> str:
    """The questions in order, each with its answer and how that was reviewed.

    `messages` are {role, content}; `results` agent outputs, one an answered question.
    """
    questions = [str(message["content"]) for message in messages if message["role"] == "user"]
    answers = [str(message["content"]) for message in messages if message["role"] == "assistant"]
    parts = ["# A conversation with ClinAlign", f"**{NOTICE}**"]
    for number, question in enumerate(questions):
        parts += [f"## Question {number + 1}", fence(question)]
        if number < len(answers):
            result = results[number] if number < len(results) else None
            parts += [f"### Answer ({held(result)})", fence(answers[number]), *(_review(result) if result else ())]
    return "\n\n".join(parts) + "\n"


def as_json(messages: Sequence[Message], results: Sequence[Result]) -> str:
    """The same as one JSON object {notice, messages, reviews}; each review is as `plain` makes it."""
    plain_messages = [{"role": message["role"], "content": str(message["content"])} for message in messages]
    whole = {"notice": NOTICE, "messages": plain_messages, "reviews": [plain(result) for result in results]}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def plain(result: Result) -> dict[str, Any]:
    """What is worth keeping of an agent's state: its output without the messages, plain types only."""
    kept = (key for key in Output.__annotations__ if key != "messages" and key in result)
    return {key: result[key] for key in kept}


def held(result: Result | None) -> str:
    """In a word or two, how far an answer was reviewed."""
    if result is None or not result["reviewed"]:
        return "not reviewed"
    asked = len(result["rubric"]["criteria"])
    if not asked:
        return "not reviewed, no principle applies"
    judged = round(result["rubric"]["final"]["coverage"] * asked)
    return counted(judged, "point") + (" checked" if judged == asked else f" of {asked} checked")


def _review(result: Result) -> Iterator[str]:
    yield from (f"⚠️ {_inline(warning)}" for warning in result["warnings"])
    if result["draft"].strip() != result["answer"].strip():
        yield "### First draft"
        yield fence(result["draft"])
    if scenario := result["scenario"]:
        yield "### Kind of question"
        yield "\n".join(_scenario(scenario))
    if result["rubric"]["criteria"]:
        yield "### Checks"
        yield "\n".join(_checks(result))
        yield "What no check asks about is unchecked."
    if result["principles"]:
        yield "### Principles"
        yield "\n".join(_principle(one) for one in result["principles"])
    if result["edits"]:
        yield "### Edits"
        for edit in result["edits"]:
            yield f"{_inline(edit['kind'])} for `{edit['criterion_id']}`"
            yield from (fence(f"{sign} {edit[key]}") for sign, key in (("-", "removed"), ("+", "added")) if edit[key])


def _scenario(scenario: Mapping[str, Any]) -> Iterator[str]:
    sure = scenario["confidence"]
    for name in _DIMENSIONS:
        share = f" ({sure[name]:.0%})" if name in sure else ""
        careful = ", not sure: the safer value" if name in scenario["guessed"] else ""
        yield f"- {name}: {_inline(scenario[name].replace('_', ' '))}{share}{careful}"


def _checks(result: Result) -> Iterator[str]:
    rubric = result["rubric"]
    yield "| check | points | in the draft | in the answer |"
    yield "| --- | ---: | --- | --- |"
    before, after = (verdicts_of(result, rubric[key]) for key in ("draft", "final"))
    for criterion in rubric["criteria"]:
        cells = " | ".join(grade[criterion["id"]].text() for grade in (before, after))
        yield f"| {_inline(criterion['text'])} | {criterion['points']:+.0f} | {cells} |"


def _principle(one: Mapping[str, Any]) -> str:
    sources = "; ".join(f"{s['body']}, {s['title']}, {s['year']}" for s in one["sources"])
    rests_on = f" Sources: {_inline(sources)}" if sources else ""
    return f"- `{one['id']}` ({one['points']:+}): {_inline(one['statement'])}{rests_on}"


def _inline(text: str) -> str:
    """Text within a line of Markdown, as it is written: nothing in it marks up."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", flat).replace("www.", "www\\.")
