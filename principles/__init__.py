"""The words that every part shares, the library, and the one scoring rule. It imports none of the other packages.

In: a library file, and verdicts. Out: principles, criteria, and a `Grade` by HealthBench's rule.
"""
