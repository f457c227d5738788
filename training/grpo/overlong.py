"""The penalty on answers that run on, a reward function of its own beside the rubric's.

It rewards no brevity: below the length where it begins it is 0 for every answer. It begins where both are passed, OVER
times a usual answer and all but the last LAST of the longest, and falls in a line to minus the recipe's weight at the
longest. It is added to the rubric's reward as it is. TRL's `normalize_then_sum`, meant for several rewards, would first
give each the same spread within a group: one answer a single token too long would then count as much as the rubric.
"""

import math
from collections.abc import Sequence
from typing import Any

from training.grpo.reward import RubricReward

OVER = 1.25
LAST = 0.2


def overlong_from(usual_tokens: int, max_tokens: int) -> int | None:
    """The longest answer, in tokens, that is not penalised; None where there is no room for a penalty."""
    start = max(math.ceil(OVER * usual_tokens), math.ceil((1 - LAST) * max_tokens))
    return start if start < max_tokens else None


class Overlong:
    """From 0 to -`weight`; None where `rubric` gave the same answers none: TRL would take the rest for the reward."""

    __name__ = "overlong"

    def __init__(self, rubric: RubricReward, start: int, max_tokens: int, weight: float) -> None:
        from trl.rewards.other_rewards import get_soft_overlong_punishment

        self._rubric, self._weight = rubric, weight
        self._share = get_soft_overlong_punishment(max_tokens, max_tokens - start)

    def __call__(self, *, completion_ids: Sequence[Sequence[int]], **columns: Any) -> list[float | None]:
        shares = self._share(completion_ids=[list(ids) for ids in completion_ids])
        return [
            None if reward is None else self._weight * share
            for reward, share in zip(self._rubric.newest, shares, strict=True)
        ]
