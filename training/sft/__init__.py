"""Supervised fine-tuning: a policy learns from reference answers."""
