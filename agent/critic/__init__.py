"""The critic: texts in, verdicts out.

In: a conversation, an answer (or one of its sentences) and criteria, or a principle. Out: a `Verdict` a criterion, by
the model's probability of "Yes" (`judge`) or as constrained JSON (`by_json`), and the probability that a principle
applies. Whatever it shows a model is fenced (`quoting`) and rid of what speaks to a judge (`pleas`).
"""
