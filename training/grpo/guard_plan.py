"""What a plan says of the guards: what they would see, and what nothing would."""

from collections.abc import Iterator

from training.grpo.corpus import Corpus
from training.grpo.gold import LEAST_QUESTIONS, looks_planned, visible_fall
from training.grpo.recipe import Recipe
from training.judge.registry import ENTRIES


def guard_lines(recipe: Recipe, corpus: Corpus) -> Iterator[str]:
    """The lines, to be read."""
    if recipe.gold_judge is None:
        yield "gold judge     NONE: nothing will notice a reward that is being gamed"
    else:
        yield f"gold judge     {recipe.gold_judge}: {recipe.held_out} answers every {recipe.gold_every} steps"
        yield f"gold guard     {_gold_guard(recipe)}"
    yield (
        f"length guard   stops the run where answers leave {recipe.least_length:g} to {recipe.most_length:g} times the "
        "length of the first"
    )
    if recipe.gold_judge and _blind_to_padding(recipe, corpus):
        yield (
            "WARNING        THE GOLD JUDGE CANNOT SEE PADDING: no sentence added to an answer lowers the score that "
            f"{recipe.gold_judge} gives it, so that only the length guard would stop a run that pads. Where one "
            "can run, take a gold_judge that reads: logprob, json, simple or local"
        )


def _gold_guard(recipe: Recipe) -> str:
    if not looks_planned(recipe):
        return "NONE: gold_every is more than steps, so that nothing will be compared with the start: lower it"
    seen = visible_fall(recipe)
    if seen is None:
        return f"NONE: on fewer than {LEAST_QUESTIONS} questions no fall can be told from chance: raise held_out"
    return (
        f"stops the run where gold falls by {recipe.gold_drop:g} or more, and beyond chance: on {recipe.held_out} "
        f"questions most falls of {seen:.2f} are seen, and few that are much smaller (more held_out sees smaller ones)"
    )


def _blind_to_padding(recipe: Recipe, corpus: Corpus) -> bool:
    """Whether a sentence more never lowers gold: no verdict falls, and there is no fault that could come to be met."""
    entry = ENTRIES.get(recipe.gold_judge or "")
    faults = any(criterion.points < 0 for item in corpus.held_out for criterion in item.rubric.criteria)
    return entry is not None and entry.blind_to_padding and not (recipe.points == "signed" and faults)
