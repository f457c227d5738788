"""HealthBench: items and answers in, grades kept line by line, scores and a report out."""
