"""What the arms of an ablation ask, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
