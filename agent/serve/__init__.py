"""The agent over HTTP, by OpenAI's API and two calls of its own: JSON → a reviewed answer, or a grade."""
