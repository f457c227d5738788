"""Figures as PNG files."""

from io import BytesIO
from typing import Any


def png(figure: Any) -> bytes:
    """A matplotlib figure as PNG, the same bytes for the same figure."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=130, metadata={"Software": None})  # the name changes with the version
    return content.getvalue()
