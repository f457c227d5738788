"""The arms of an ablation: different ways from the same draft of an item to its answer.

draft           the draft alone
self_refine     plain self-refinement: the model names what is wrong with its answer and rewrites it, each round
                anew, with no principle and no choice between versions (after Madaan et al., arXiv 2303.17651)
retrieved       the agent as it is
random          the agent, with principles drawn at random in the place of those that it finds; mandatory ones stay
all             the agent, with the whole library offered in the place of what it finds
in_prompt       a draft with the statements of the principles that `retrieved` chose in its system prompt
length_matched  the draft, extended or shortened by the model to about the words of the last answer of `retrieved`

One run of the agent gives its answers after 1..N rounds: what it would have returned had it been told to stop
there is the best of the versions made by then.
"""

from principles.schema import Record

# In this order within an item: the last two are made from what `retrieved` made.
ARMS = ("draft", "self_refine", "retrieved", "random", "all", "in_prompt", "length_matched")
NEEDS = dict.fromkeys(ARMS[1:], "draft") | {"in_prompt": "retrieved", "length_matched": "retrieved"}


class Cost(Record):
    """What was spent: calls of the model, tokens as the endpoint counted them, seconds of the clock."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            seconds=round(self.seconds + other.seconds, 3),
        )


class Step(Record):
    """The answer after a round, 0 where the arm has no rounds. `cost` is of all up to here, the draft included."""

    round: int
    answer: str
    cost: Cost
    edits: int = 0


class Made(Record):
    """What an arm made of an item: steps, or an error.

    `principles` are the ids in the agent's rubric or in the prompt; `chosen_by` is what the agent had spent when
    they were chosen, the draft not included; `target_words` is the length that `length_matched` was asked for.
    """

    key: str
    arm: str
    steps: tuple[Step, ...] = ()
    principles: tuple[str, ...] = ()
    chosen_by: Cost | None = None
    target_words: int | None = None
    error: str | None = None
    canary: str | None = None


def words(text: str) -> int:
    """Length in words, split at white space."""
    return len(text.split())
