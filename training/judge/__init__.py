"""Judges: a conversation, an answer and criteria in, one verdict a criterion out.

`registry` knows them by name and loads the one that is asked for; `batch` asks one about many answers at once; `cached`
keeps what was paid for.
"""
