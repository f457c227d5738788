"""Training on preferences: of two answers to a question the better one is made likelier."""
