"""What the page says of a failure."""

import html

from principles.errors import ClinAlignError
from principles.logs import log_unexpected


def explained(error: Exception) -> str:
    """A failure in words, as HTML. One that is not ours is logged by type and place alone."""
    if isinstance(error, ClinAlignError):
        return html.escape(str(error), quote=False)
    log_unexpected("page", error)
    return f"Something unexpected went wrong ({type(error).__name__}). Please ask again; the log says where it was."
