"""What the judges here ask a model, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
