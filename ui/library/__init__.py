"""The principles tab: browse and search them, and see what a question brings in."""
