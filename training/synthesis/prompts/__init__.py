"""What the writer of rubrics asks, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
