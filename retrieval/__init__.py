"""The search: a question and its scenario in, the principles that an answer is held to out."""
