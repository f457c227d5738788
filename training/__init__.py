"""Measuring answers and judges, making rubrics, training and export: `python -m training COMMAND`."""
