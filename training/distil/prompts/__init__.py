"""What the writer of principles asks, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
