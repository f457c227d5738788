"""The chat: questions in, drafts and reviewed answers out, with what the review found beside them."""
