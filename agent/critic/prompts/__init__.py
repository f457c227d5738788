"""What the critic asks, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
