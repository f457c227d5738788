"""Judges compared: verdicts of GPT-4.1 and labels of physicians in, a table of agreement out."""
