"""Text as an endpoint takes it."""


def sendable(text: str) -> str:
    """`text` without what no endpoint takes: half characters (lone surrogates) become "?", NUL bytes nothing."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
