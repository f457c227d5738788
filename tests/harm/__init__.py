"""Does a review ever hurt? Cases with a draft each, and what has become of it: see `python -m tests.harm --help`."""
