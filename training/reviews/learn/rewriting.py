"""Better words for a principle's criterion by a language model, from the corrections of clinicians."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from agent.critic.quoting import one_line, quoted
from agent.llm.client import Model
from principles.rubric import without_slots
from principles.schema import Criterion, Principle
from training.reviews.learn.corrections import Correction
from training.reviews.learn.prompts import prompt
from training.reviews.learn.wording import Wording, usable
from training.synthesis.gate import fault_of
from training.synthesis.writers import CRITERION_CHARACTERS, TRIES

# Of one principle: more say nothing new, and would not fit a small model.
MOST_SHOWN = 20
_TOKENS = 200
_SCHEMA = {
    "type": "object",
    "properties": {"criterion": {"type": "string", "maxLength": CRITERION_CHARACTERS}},
    "required": ["criterion"],
    "additionalProperties": False,
}


def rewritten(principle: Principle, corrections: Sequence[Correction], model: Model, name: str) -> Wording | None:
    """The model's wording; None where twice it gives none that the gate passes. Raises ModelError."""
    told = "\n".join(correction_words(one) for one in corrections[:MOST_SHOWN])
    asked = prompt(
        "reword",
        statement=one_line(principle.statement),
        applies_when=one_line(principle.applies_when),
        points=f"{principle.points:+d}",
        criterion=one_line(principle.criterion),
        corrections=quoted(told),
    )
    messages = [SystemMessage(prompt("reword_system")), HumanMessage(asked)]
    for attempt in range(TRIES):
        # At temperature 0 the same seed may fail in the same way.
        writer = Model(model.chat, seed=model.seed + attempt, usage=model.usage)
        text = _read(writer.json(messages, "criterion", _SCHEMA, _TOKENS), principle)
        if text:
            return Wording(text, f"by {name}, from {min(len(corrections), MOST_SHOWN)} corrections")
    return None


def correction_words(one: Correction) -> str:
    """One correction on one line."""
    drafted = " ".join(one.drafted.split())
    if one.reworded:
        turned = " (and turned what yes means: see the points)" if one.turned else ""
        return f"{one.reviewer} reworded{turned}: {drafted} -> {' '.join(one.reworded.split())}"
    if one.edit.kind == "reweighted":
        return f"{one.reviewer} changed points {_points(one.edit.before)} -> {_points(one.edit.after)}: {drafted}"
    return f"{one.reviewer} removed: {drafted}"


def wording_fault(text: str, principle: Principle) -> str | None:
    """Why the gate of synthesis would drop criteria in these words; None where it would not."""
    return fault_of(Criterion(id=principle.id, text=without_slots(text), points=principle.points))


def _read(reply: Any, principle: Principle) -> str | None:
    text = reply.get("criterion") if isinstance(reply, dict) else None
    if not isinstance(text, str) or not usable(text) or len(text) > CRITERION_CHARACTERS:
        return None
    words = " ".join(text.split())
    return None if words == principle.criterion or wording_fault(words, principle) else words


def _points(value: object) -> str:
    return f"{value:+g}" if isinstance(value, int | float) else "none"
