"""From LangChain messages to the plain turns that prompts, scenario and rubric are about."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage

from agent.critic.quoting import neutral
from agent.llm.sendable import sendable
from principles.errors import InputError
from principles.grader import Turns
from principles.medicines import find_medicines
from principles.patterns import patterns

# Tokens kept free for instructions, criterion, draft and what revision adds.
RESERVED_TOKENS = 2_000
DEFAULT_CONTEXT_TOKENS = 32_768
# No tokenizer of a likely model makes more than one token of three bytes on average over a text.
LEAST_BYTES_A_TOKEN = 3
# What is carried on from turns that do not fit: sentences up to a length, of longer ones a part, and characters in all.
LONGEST_FACT, CARRIED_CHARACTERS = 300, 1_500
SAID_EARLIER = "Said earlier:"
_CARRIED = re.compile(rf"^\({SAID_EARLIER} (.*)\)$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?؟।۔])\s+|(?<=[。！？])|\n+")
# Where a sentence that is too long may be cut: best between clauses, else between words.
_BORDERS = (re.compile(r"[,;:،؛]\s+|[、，；：]|\s[–—-]\s"), re.compile(r"\s+"))
_PICTURES = ("image", "audio", "video", "file", "media", "document")


def turns_of(messages: Sequence[AnyMessage]) -> Turns:
    """The user's and the assistant's turns, oldest first, ending with the question.

    Characters that no endpoint takes are replaced; a picture or file that comes along is named where it stood. Raises
    InputError where there is no question.
    """
    turns = [
        {"role": "user" if isinstance(message, HumanMessage) else "assistant", "content": _content(message)}
        for message in messages
        if isinstance(message, HumanMessage | AIMessage)
    ]
    if not turns or turns[-1]["role"] != "user":
        raise InputError("there is no question: the last message must be the user's")
    if not turns[-1]["content"].strip():
        raise InputError("the question is empty: write what you want to know")
    return turns


def unread(messages: Sequence[AnyMessage]) -> list[str]:
    """A warning for each kind of thing in a conversation that the agent does not read."""
    found = []
    if pictures := sum(_attachments(message) for message in messages):
        found.append(
            f"{counted(pictures, 'picture or file')} could not be seen: only text is read, describe it in words"
        )
    if any(isinstance(message, SystemMessage) for message in messages):
        found.append("system messages are not read: the agent has instructions of its own")
    others = [m for m in messages if not isinstance(m, HumanMessage | AIMessage | SystemMessage)]
    if others:
        kinds = ", ".join(sorted({message.type for message in others}))
        found.append(
            f"{counted(len(others), 'message')} of other kinds ({kinds}) not read: put results into the question"
        )
    return found


def checked_draft(given: object) -> str:
    """An answer that somebody else wrote, as it can be reviewed. Raises InputError where it is none."""
    if not isinstance(given, str) or not (draft := sendable(given).strip()):
        raise InputError("the draft must be text, and not empty: give the answer to review, or leave it out")
    return draft


def within_context(turns: Turns, context_tokens: int | None = None, draft: str = "") -> tuple[Turns, list[str]]:
    """The turns without the oldest where they are too long for the context, and a warning that says so.

    What earlier turns tell of medicines, allergies, pregnancy, age and diseases is carried on into the first turn that
    is kept. A `draft` that was given stands beside them. Raises InputError where that or the question alone does not
    fit.
    """
    room = ((context_tokens or DEFAULT_CONTEXT_TOKENS) - RESERVED_TOKENS) * LEAST_BYTES_A_TOKEN
    taken = len(draft.encode())
    if taken > room // 2:  # the question stands beside it, and mended it grows
        raise InputError(
            f"the draft is too long: {taken:,} bytes, and this model's context has room for {room // 2:,}. Shorten it, "
            "or use a model with a longer context"
        )
    room -= taken
    size = _bytes(turns[-1])
    if size > room:
        raise InputError(
            f"the question is too long: {size:,} bytes, and this model's context has room for {room:,}. "
            "Shorten it, or use a model with a longer context"
        )
    first = len(turns) - 1
    while first > 0 and size + _bytes(turns[first - 1]) <= room:
        first -= 1
        size += _bytes(turns[first])
    kept = [dict(turn) for turn in turns[first:] if turn["content"].strip()]
    if first == 0:
        return kept, []
    warning = f"{counted(first, 'earlier message')} did not fit into the model's context and could not be read"
    if facts := lasting_facts(turns[:first], min(CARRIED_CHARACTERS, max(0, room - size))):
        place = next(i for i, turn in enumerate(kept) if turn["role"] == "user")
        kept[place]["content"] = carrying(facts, kept[place]["content"])
        warning += "; what they say of medicines, allergies, pregnancy, age and diseases was carried on"
    return kept, [warning]


def lasting_facts(turns: Turns, characters: int = CARRIED_CHARACTERS) -> str:
    """The user's sentences that hold for later questions too, newest first, as many as there is room for.

    Of a sentence longer than `LONGEST_FACT` they are the clauses around what holds.
    """
    return _facts_of(tuple(turn["content"] for turn in reversed(turns) if turn["role"] == "user"), characters)


@lru_cache(maxsize=8)  # every stage of a run asks anew; in memory only
def _facts_of(messages: tuple[str, ...], characters: int) -> str:
    said = [_CARRIED.sub(r"\1", message) for message in messages]
    sentences = [part.strip() for text in said for part in _SENTENCE_END.split(text)]
    facts: dict[str, None] = {}
    for fact in (fact for sentence in sentences for fact in _lasting(sentence)):
        if sum(map(len, facts)) + len(fact) > characters:
            break
        facts[fact] = None
    return " ".join(facts)


def carrying(facts: str, text: str) -> str:
    """What a turn says, after the facts of turns before it."""
    return f"({SAID_EARLIER} {facts})\n{text}"


def _lasting(sentence: str) -> Iterator[str]:
    """The sentence if anything of it holds for later questions; the parts around it where the sentence is too long."""
    spans = [match.span() for words in patterns("agent", "lasting").values() for match in words.finditer(sentence)]
    starts = ((sentence.find(name.split()[0]), len(name)) for name in find_medicines(sentence))
    spans += [(start, start + length) for start, length in starts]
    told = 0
    for start, end in sorted(spans):
        if end > told:
            low, high = _part(sentence, start, end)
            cut = "…" if high < len(sentence) else ""
            yield sentence[max(low, min(told, start)) : high].strip() + cut
            told = high


def _part(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Where to cut a sentence around what stands at `start` to `end`: less than `LONGEST_FACT` characters stay."""
    if len(sentence) <= LONGEST_FACT:
        return 0, len(sentence)
    spare = (LONGEST_FACT - 1 - (end - start)) // 2
    low, high = start - spare, end + spare
    if low > 0:
        low = next((cut.end() for border in _BORDERS for cut in border.finditer(sentence, low, start)), low)
    if high < len(sentence):
        cuts = (cut.start() for border in _BORDERS for cut in reversed([*border.finditer(sentence, end, high)]))
        high = next(cuts, high)
    return max(low, 0), high


def _content(message: BaseMessage) -> str:
    text = sendable(str(message.text))
    count = _attachments(message)
    return f"{text}\n[{counted(count, 'picture or file')} came with this that cannot be seen here.]" if count else text


def _attachments(message: BaseMessage) -> int:
    blocks = message.content if isinstance(message.content, list) else []
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
    return sum(kind is not None and any(word in str(kind) for word in _PICTURES) for kind in kinds)


def counted(count: int, thing: str) -> str:
    """So many of a thing, in words."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def question_in_context(turns: Turns) -> str:
    """What to search principles for: the last question, and the user's earlier ones before it."""
    return "\n".join(turn["content"] for turn in turns if turn["role"] == "user")


def as_messages(turns: Turns) -> list[BaseMessage]:
    """The turns as chat messages, for the draft; marks of chat templates in them are broken up."""
    return [(HumanMessage if t["role"] == "user" else AIMessage)(neutral(t["content"])) for t in turns]


def _bytes(turn: object) -> int:
    assert isinstance(turn, dict)
    return len(turn["content"].encode())
