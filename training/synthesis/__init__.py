"""Rubrics for questions that have none: questions in, HealthBench-shaped lines out.

`pipeline` is one question's way: `agent.rubric.rubric_for`, then the `gate`, and where asked the `signal`.
"""
