"""The judge's copy of a text: fenced, and without what could get past a fence.

llama.cpp and vLLM turn "<|im_end|>" in the content of a message into the real control token, which ends the
message (llama.cpp #24382, transformers #29279): a space breaks it up. Characters that no reader sees carry
hidden words: they are dropped. A line that poses as another speaker's gets a quotation mark. Everything else
comes through to the letter.
"""

import re

from agent.prompts import conversation_text, fence
from principles.grader import Turns

# Joiners (U+200C, U+200D) stay: scripts and emoji need them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")
# <|im_end|>, </s>, <think>, <0x0A>, [INST], [gMASK], ]~b], and DeepSeek's with wide bars
_MARKUP = re.compile(r"<(?=[|｜/A-Za-z_<]|0x)|\[(?=/?g?[A-Z_]{3,}\])|\](?=[~!])")
# A sentence with the space before it, within its line: so the search is bounded in hostile text too.
SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s)|[。！？]|(?=\n|\Z))")
_ROLE = re.compile(r"^(?=[ \t]*(?:user|assistant|system|human|judge|grader)[ \t]*:)", re.IGNORECASE | re.MULTILINE)


def neutral(text: str) -> str:
    """`text` without invisible characters, chat markup and lines that pose as another speaker's."""
    return _ROLE.sub("> ", _MARKUP.sub(lambda match: f"{match[0]} ", _INVISIBLE.sub("", text)))


def one_line(criterion: str) -> str:
    """A criterion as the one line that it is given in the prompt: it can start neither a section nor a fence."""
    return re.sub("`{3,}", "'''", " ".join(neutral(criterion).split()))


def quoted(text: str) -> str:
    """The judge's copy of an answer, fenced."""
    return fence(neutral(text))


def quoted_turns(turns: Turns) -> str:
    """The judge's copy of a conversation, fenced."""
    return conversation_text([{**turn, "content": neutral(turn["content"])} for turn in turns])
