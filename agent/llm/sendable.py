"""Text as an endpoint takes it, and about how much of it a token is."""

# Of English text, for estimates.
BYTES_A_TOKEN = 4


def sendable(text: str) -> str:
    """`text` without what no endpoint takes: half characters (lone surrogates) become "?", NUL bytes nothing."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
