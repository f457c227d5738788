"""A judge for a laptop: verdicts in, a folder out (`train`), from which it judges without a language model (`judge`).

One half counts (`counted`: `features` and `words`), one half reads (`reader`) the passages that `evidence` chooses.
"""
