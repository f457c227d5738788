"""Who words a principle: a rule that lets the most central criterion stand, or a language model that reads several.

What a model writes is taken only where it has the form of a principle and still asks for what its criteria ask for.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import Field, ValidationError, field_validator

from agent.critic.quoting import one_line, quoted
from agent.llm.client import Model
from principles.errors import ModelError
from principles.schema import Record
from training.common.journal import append_line, read_lines
from training.distil.prompts import prompt
from training.distil.wording import advice_of, has_slot, question_of, shortened, statement_of

WRITTEN = "written.jsonl"
TRIES = 3
SHOWN = 8
TOKENS = 600
LONGEST = 400
FACETS = 3, 6
_STRINGS = ("statement", "criterion", "advice", "applies_when")
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string", "maxLength": LONGEST} for name in _STRINGS},
        "facets": {
            "type": "array",
            "minItems": FACETS[0],
            "maxItems": FACETS[1],
            "items": {"type": "string", "maxLength": LONGEST},
        },
    },
    "required": [*_STRINGS, "facets"],
    "additionalProperties": False,
}
Short = Annotated[str, Field(min_length=8, max_length=LONGEST, strict=True)]


class Words(Record):
    """A principle's words; `by` says whether a model or the rule wrote them."""

    statement: str
    criterion: str
    advice: str
    applies_when: str
    facets: tuple[str, ...]
    by: Literal["model", "rule"]


class _Reply(Record):
    statement: Short
    criterion: Short
    advice: Short
    applies_when: Short
    facets: tuple[Annotated[str, Field(min_length=3, max_length=LONGEST, strict=True)], ...] = Field(
        min_length=FACETS[0], max_length=FACETS[1]
    )

    @field_validator("*")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        texts = (value,) if isinstance(value, str) else value
        if any(has_slot(text) or "`" in text or not text.strip() for text in texts):
            raise ValueError("braces, backticks or nothing")
        return " ".join(value.split()) if isinstance(value, str) else tuple(" ".join(text.split()) for text in texts)

    @field_validator("criterion")
    @classmethod
    def _one_question(cls, value: str) -> str:
        if not value.startswith("Does the answer ") or not value.endswith("?") or value.count("?") > 1:
            raise ValueError("not one question on the answer")
        return value

    @field_validator("statement")
    @classmethod
    def _on_the_answer(cls, value: str) -> str:
        if not value.startswith("The answer "):
            raise ValueError("not about the answer")
        return value


@dataclass(frozen=True)
class Material:
    """What a principle is worded from: its criteria, the most central first, and its questions' telling terms."""

    criteria: Sequence[str]
    wanted: bool
    terms: Sequence[str]


def by_rule(material: Material) -> Words:
    """The most central criterion stands as statement; the terms tell when it applies."""
    text = shortened(material.criteria[0])
    question = question_of(text)
    terms = [term.replace("{", "").replace("}", "") for term in material.terms]
    applies = f"The question is about: {', '.join(terms[:5])}." if terms else "Any question that calls for it."
    fallback = (statement_of(text), question, applies)
    return Words(
        statement=statement_of(text),
        criterion=question,
        advice=advice_of(text, material.wanted),
        applies_when=applies,
        facets=tuple(terms) + fallback[: max(0, FACETS[0] - len(terms))],
        by="rule",
    )


class ModelWriter:
    """Asks a model, keeps its replies in a folder, and falls back to the rule where none can be used."""

    def __init__(self, model: Model, name: str, folder: Path, says_the_same: Callable[[str, str], bool]) -> None:
        """`says_the_same` tells whether a statement asks for what a criterion asks for."""
        self._model = model
        self._name = name
        self._path = folder / WRITTEN
        self._same = says_the_same
        self._kept = dict(read_lines(self._path, _line, mend=True))

    def kept(self, material: Material) -> Words | None:
        """The words that were written before, by the same model from the same criteria."""
        return self._kept.get(self._key(material))

    def words(self, material: Material) -> Words:
        """The model's words, else the rule's. Raises ModelError where the model cannot be asked."""
        messages = [SystemMessage(prompt("principle_system")), HumanMessage(_asked(material))]
        for attempt in range(TRIES):
            # At temperature 0 the same seed may fail in the same way.
            model = Model(self._model.chat, seed=self._model.seed + attempt, usage=self._model.usage)
            reply = model.json(messages, "principle", _SCHEMA, TOKENS)
            try:
                read = _Reply.model_validate(reply)
            except ValidationError:
                continue
            if self._same(read.statement, material.criteria[0]):
                return Words(**read.model_dump(), by="model")
        return by_rule(material)

    def attempt(self, material: Material) -> tuple[Material, Words | ModelError]:
        """The same, where a failure of the model is an outcome too."""
        try:
            return material, self.words(material)
        except ModelError as error:
            return material, error

    def keep(self, material: Material, words: Words) -> None:
        """Remember the words; they are on the disk when this returns. Raises ConfigError."""
        key = self._key(material)
        append_line(self._path, json.dumps([key, words.model_dump(mode="json")]))
        self._kept[key] = words

    def _key(self, material: Material) -> str:
        text = "\0".join([self._name, prompt("principle_system"), _asked(material)])
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _asked(material: Material) -> str:
    kind = "Criteria for what a good answer does." if material.wanted else "Criteria that each describe a fault."
    listed = "\n".join(f"- {one_line(shortened(text))}" for text in material.criteria[:SHOWN])
    terms = ", ".join(one_line(term) for term in material.terms) or "none"
    return prompt("principle", kind=kind, criteria=quoted(listed), terms=terms)


def _line(line: bytes) -> tuple[str, Words]:
    try:
        key, words = json.loads(line)
    except TypeError:
        raise ValueError("not a reply") from None
    return str(key), Words.model_validate(words)
