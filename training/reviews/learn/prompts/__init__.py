"""What the model is asked for better words with, as text files."""

from agent.prompts import prompts_in

prompt = prompts_in(__name__)
