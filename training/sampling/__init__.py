"""Sampled and judged answers of a policy, and pairs of them for training on preferences."""
