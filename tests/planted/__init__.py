"""Drafts with one common false claim planted in each, and which knowledge cards set it right."""
