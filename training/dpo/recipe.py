"""A recipe of training on preferences: what supervised training decides, and how far a preference moves the policy."""

from pathlib import Path

from pydantic import Field

from training.sft.recipe import Learning


class Recipe(Learning):
    """The fields of a recipe file."""

    beta: float = Field(0.1, gt=0, description="how hard the policy is held to where it began")
    init_adapter: Path | None = Field(
        None, description="begin with this LoRA (what `sft` made, exported --as adapter) of the same rank"
    )
