"""Every error that a person can meet, in one vocabulary.

Each message says what is wrong and what to do about it. None quotes a question or an answer.
Commands print the message alone and leave with `exit_code`.
"""


class ClinAlignError(Exception):
    """Base of all errors that are reported without a traceback.

    `retryable` says that the same call may succeed a little later. `cause` names what lies behind the error by its type
    and HTTP status, as in "openai.RateLimitError, HTTP 429", and is "" where nothing does: the original itself may
    quote a question, so it is not chained.
    """

    exit_code = 2

    def __init__(self, message: str = "", *, retryable: bool = False, cause: str = "") -> None:
        super().__init__(message)
        self.retryable = retryable
        self.cause = cause


class InputError(ClinAlignError):
    """The question, the conversation or the draft cannot be used as it is."""


class ConfigError(ClinAlignError):
    """An option, an environment variable or a profile name is wrong."""


class LibraryError(ClinAlignError):
    """A principle library does not fit the schema."""


class IndexFileError(ClinAlignError):
    """An index file does not belong to this library or encoder, or is damaged."""


class WeightsError(ClinAlignError):
    """Model weights are missing, cannot be fetched, or are not the official file."""


class ServerError(ClinAlignError):
    """The local model server cannot be started."""


class ModelError(ClinAlignError):
    """The model endpoint refused, failed, or answered something unusable."""


class BusyError(ClinAlignError):
    """More is asked at the same time than is taken on: ask again after `after_s` seconds."""

    def __init__(self, message: str = "", after_s: int = 1) -> None:
        super().__init__(message, retryable=True)
        self.after_s = after_s


def cause_of(error: BaseException, status: int | None = None) -> str:
    """What an error is, by type and HTTP status, without its text."""
    kind = type(error)
    package = kind.__module__.partition(".")[0]
    name = kind.__name__ if package == "builtins" else f"{package}.{kind.__name__}"
    return name if status is None else f"{name}, HTTP {status}"
