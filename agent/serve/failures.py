"""Failures as OpenAI's clients understand them: {"error": {message, type, param, code}} and a status."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from agent.llm.sendable import sendable
from principles.errors import BusyError, ClinAlignError, InputError, ModelError, ServerError, WeightsError
from principles.logs import log_unexpected

# Of a field's name, which whoever asks has made up.
LONGEST_NAME = 60


class Refused(InputError):
    """Something in a request that is not taken; `param` names it as OpenAI does, e.g. messages[0].content."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


def status_of(error: Exception) -> int:
    """The HTTP status that says what an error is."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, InputError):
        return 400
    if isinstance(error, BusyError):
        return 429
    if isinstance(error, ModelError):
        return 503 if error.retryable else 502
    return 503 if isinstance(error, WeightsError | ServerError) else 500


def body_of(error: Exception) -> dict[str, Any]:
    """What is told of an error. One that is not ours is logged by type and place, and told without its words."""
    if not isinstance(error, ClinAlignError):
        log_unexpected("serve", error)
        return told(f"something unexpected went wrong ({type(error).__name__}); the server's log says where", 500)
    param = error.param if isinstance(error, Refused) else None
    code = error.code if isinstance(error, Refused) else "queue_full" if isinstance(error, BusyError) else None
    return told(str(error), status_of(error), param, code)


def reply_to(error: Exception) -> JSONResponse:
    """An error as a response. Clients of OpenAI's ask again by themselves unless they are told not to."""
    again = isinstance(error, ClinAlignError) and error.retryable
    headers = {"x-should-retry": "true" if again else "false"}
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(error.after_s)
    return JSONResponse(body_of(error), status_of(error), headers)


def told(message: str, status: int, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": sendable(message), "type": kind, "param": param, "code": code}}


def invalid(errors: Sequence[Mapping[str, Any]]) -> Refused:
    """What pydantic found wrong with a request, without what was given."""
    worst = max(errors, key=lambda error: len(error["loc"]))  # of several readings, the one that came furthest
    param = named(worst["loc"])
    if worst["type"] == "json_invalid":
        return Refused("the body is not JSON")
    if param.endswith("].type") and ".content[" in param:
        return Refused(
            f"{param}: only text is read, so describe a picture or file in words", param, "unsupported_value"
        )
    if param.endswith("].role"):
        return Refused(
            f'{param}: it must be "system", "developer", "user" or "assistant"; put results of tools into the question',
            param,
            "unsupported_value",
        )
    return Refused(f"{param or 'the body'}: {worst['msg'][:1].lower()}{worst['msg'][1:]}", param or None)


def named(where: Sequence[int | str]) -> str:
    """A place in a request as OpenAI writes it: messages[0].content."""
    path = ""
    for part in where:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in ("body", "str") and not part.startswith("list["):
            path += f".{part}" if path else part
    return re.sub(r"[^\x20-\x7e]", "?", path)[:LONGEST_NAME]
