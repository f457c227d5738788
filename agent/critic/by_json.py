"""A judge for endpoints without logprobs: one or several criteria a call, a reason before each verdict, as JSON.

One a call unless told otherwise: a small model gives all criteria of a batch one and the same verdict, and a hostile
criterion among them turns its neighbours (docs/experiments.md). A strong one can be given five.

The judge must name each criterion by an id that nobody could have written beforehand, so that no verdict
which the judged text itself contains can pass for one of its own. The id is a hash of the criterion and of
what is judged, keyed with a secret of this process: the same question in the same process makes the same
prompt (and so the same verdicts, and a cached prefix), while a text cannot hold its own id, which a plain
number or an unkeyed short hash would allow.

The schema is the same for every call, since endpoints compile a new one for seconds. What it cannot promise
is checked here: each id exactly once, a verdict that is yes or no, nothing else in the entry.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.critic.asking import judge_messages, keep_siblings
from agent.critic.pleas import on_both_copies
from agent.critic.prompts import prompt
from agent.critic.quoting import quoted
from agent.llm.client import Model
from principles.grader import Turns
from principles.schema import Criterion, Label, Verdict

TOKENS_PER_VERDICT = 160
REASON_CHARACTERS = 240
_SECRET = secrets.token_bytes(16)
_FIELDS: dict[str, Any] = {
    "id": {"type": "string"},
    "reason": {"type": "string", "maxLength": REASON_CHARACTERS},
    "verdict": {"type": "string", "enum": ["yes", "no"]},
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "verdicts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": _FIELDS,
                "required": list(_FIELDS),
                "additionalProperties": False,
            },
        }
    },
    "required": ["verdicts"],
    "additionalProperties": False,
}


@dataclass
class JsonJudge:
    """Judges `batch` criteria a call. See `principles.grader.Judge`."""

    model: Model
    batch: int = 1

    def verdicts(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """One verdict a criterion. What a batch leaves open is asked once more, alone, and then is UNKNOWN.

        A failed call leaves its criteria out and keeps the others; a second in a row ends the work.
        Raises ModelError if not one criterion could be judged because the endpoint failed.
        """
        return on_both_copies(answer, criteria, lambda copy, asked: self.on_copy(turns, copy, asked))

    def on_copy(self, turns: Turns, answer: str, criteria: Sequence[Criterion]) -> list[Verdict]:
        """The same for a text that is already what the judge may read of an answer."""
        found: dict[str, Verdict] = {}

        def ask(group: Sequence[Criterion]) -> list[Verdict]:
            fresh = self._asked(turns, answer, group)
            found.update(fresh)
            return list(fresh.values())

        keep_siblings(self._groups(criteria, found), ask)
        return [found[criterion.id] for criterion in criteria if criterion.id in found]

    def _groups(self, criteria: Sequence[Criterion], found: Mapping[str, Verdict]) -> Iterator[Sequence[Criterion]]:
        """Batches, each followed by its criteria that got no verdict; one whose call failed is not asked again."""
        for start in range(0, len(criteria), self.batch):
            group = criteria[start : start + self.batch]
            yield group
            for criterion in group:
                if criterion.id in found and found[criterion.id].label is Label.UNKNOWN:
                    yield [criterion]

    def _asked(self, turns: Turns, answer: str, group: Sequence[Criterion]) -> dict[str, Verdict]:
        ids = {_id(turns, answer, criterion, len(group)): criterion for criterion in group}
        listed = "\n\n".join(f"{key}\n{quoted(criterion.text)}" for key, criterion in ids.items())
        asked = prompt("judge_batch", criteria=listed)
        messages = judge_messages(turns, answer, asked, system="judge_batch_system")
        reply = self.model.json(messages, "verdicts", _SCHEMA, TOKENS_PER_VERDICT * len(group))
        by_key = _read(reply)
        unknown = {criterion.id: Verdict(criterion_id=criterion.id, label=Label.UNKNOWN) for criterion in group}
        judged = {c.id: _verdict(c, by_key[key]) for key, c in ids.items() if key in by_key}
        return unknown | judged


def _id(turns: Turns, answer: str, criterion: Criterion, group: int) -> str:
    """Eight hexadecimal digits; `group`, the size of the batch, makes those of a second asking new."""
    texts = [criterion.id, criterion.text, answer, *(turn["content"] for turn in turns)]
    digest = hashlib.blake2b(key=_SECRET, digest_size=4)
    for text in (str(group), *texts):
        digest.update(f"{len(text)}:{text}".encode("utf-8", "replace"))
    return digest.hexdigest()


def _read(reply: Any) -> dict[str, dict[str, str]]:
    """The well-formed entries of a reply by id; ids that come twice are left out."""
    entries = reply.get("verdicts") if isinstance(reply, dict) and set(reply) == {"verdicts"} else None
    if not isinstance(entries, list):
        return {}
    counted = Counter(
        entry.get("id") for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    )
    return {entry["id"]: entry for entry in entries if _well_formed(entry) and counted[entry["id"]] == 1}


def _well_formed(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == set(_FIELDS)
        and all(isinstance(value, str) for value in entry.values())
        and entry["verdict"] in _FIELDS["verdict"]["enum"]
    )


def _verdict(criterion: Criterion, entry: Mapping[str, str]) -> Verdict:
    label = Label.MET if entry["verdict"] == "yes" else Label.NOT_MET
    return Verdict(criterion_id=criterion.id, label=label, reason=entry["reason"][:REASON_CHARACTERS] or None)
