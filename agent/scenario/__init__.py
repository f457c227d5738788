"""Which kind of question is this? A conversation in, a `Scenario` out, in milliseconds.

It stands above `retrieval`, whose encoder it reads with, and below the agent. `python -m agent.scenario` measures it.
"""
