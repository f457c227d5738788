"""GRPO on the rubric reward: a recipe and rubrics in, checkpoints, curves and a model folder out."""
