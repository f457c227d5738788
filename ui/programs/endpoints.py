"""What other programs can call: the named endpoints of the page, and the same as MCP tools.

The docstrings of `ask`, `grade` and `search_principles` are the descriptions that programs are shown.
"""

import html
import importlib.util
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import gradio as gr
from gradio.events import api
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from agent.grading import graded, grader_over, shown
from agent.llm.sendable import sendable
from agent.run import heard, parts_of
from agent.serve.listening import LOOPBACK_NAMES, is_loopback
from agent.service import Service
from agent.state import Context
from agent.told import answered
from principles.errors import ConfigError, InputError
from ui.common.failures import explained

MOST_FOUND = 50
Finish = Callable[[dict[str, Any]], dict[str, Any]]


def add_programs(service: Service) -> None:
    """Add the endpoints to the page that is being built."""
    programs = Programs(service)
    limit: dict[str, Any] = {"concurrency_limit": service.at_once, "concurrency_id": "answers"}
    api(programs.ask, api_name="ask", **limit)
    api(programs.grade, api_name="grade", **limit)
    api(programs.search_principles, api_name="search_principles")


class Programs:
    """The endpoints over what the page shares. While one works, who iterates over it hears {"stage": name}."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._grader = grader_over(service.resources)

    async def ask(self, question: str, rounds: int = 1, top_k: int = 6) -> AsyncGenerator[dict[str, Any], None]:
        """Answer a health question: draft, check against clinical principles, revise. Takes seconds to minutes.

        The result is one JSON object: answer, draft, scenario, principles, rubric (criteria with the grades of
        draft and answer), edits, reviewed, warnings, usage, timings, and a notice to show with the answer.
        Not medical advice.

        Args:
            question: the health question, in plain words
            rounds: most rounds of revision, from 0 (draft and grade only) to 10
            top_k: most principles to check against, mandatory ones apart, from 1 to 50
        """
        with _told():
            given = [{"role": "user", "content": _text("question", question)}]
            context = Context(max_rounds=_whole("rounds", rounds), top_k=_whole("top_k", top_k))
            async with aclosing(parts_of(self._service.agent(), given, context)) as parts:
                async for said in _told_of(parts, answered):
                    yield said

    async def grade(self, question: str, answer: str) -> AsyncGenerator[dict[str, Any], None]:
        """Grade any answer to a health question against the clinical principles that apply to the question.

        The result is one JSON object: scenario, principles, rubric (its criteria, with points), verdicts (MET,
        NOT_MET or UNKNOWN with P(yes), one a criterion), score (points gained over points possible), expected
        (the same weighted by probability), coverage (the judged share of criteria), usage and a notice.

        Args:
            question: the health question
            answer: the answer to grade
        """
        with _told():
            given = [
                {"role": "user", "content": _text("question", question)},
                {"role": "assistant", "content": _text("answer", answer)},
            ]
            async with aclosing(parts_of(self._grader, given)) as parts:
                async for said in _told_of(parts, graded):
                    yield said

    def search_principles(self, text: str, top_k: int = 8) -> list[dict[str, Any]]:
        """Search the clinical principles by meaning. The result is a JSON array, the nearest first.

        Each has id, statement, rationale, applies_when, criterion, advice, points, safety_critical, dimension,
        values, sources and its similarity to the text (a cosine).

        Args:
            text: a question or some words, in English
            top_k: how many principles, from 1 to 50
        """
        with _told():
            wanted = _whole("top_k", top_k)
            if not 1 <= wanted <= MOST_FOUND:
                raise InputError(f"top_k is {wanted}: it must be from 1 to {MOST_FOUND}")
            retriever = self._service.resources.search().retriever
            found = retriever.similar(sendable(_text("text", text)), wanted)
            return [shown(principle, similarity) for principle, similarity in found]


async def _told_of(parts: AsyncGenerator[Any, None], finish: Finish) -> AsyncGenerator[dict[str, Any], None]:
    """What a run tells: {"stage": name}, again and again, and at last its result."""
    async for said in heard(parts, finish):
        yield {"stage": said} if isinstance(said, str) else said


def mcp_options(host: str, auth: bool = False) -> dict[str, Any]:
    """What `Blocks.launch` needs to offer the endpoints as MCP tools, to programs of this machine only.

    Raises ConfigError where others could reach them, with `auth` (whose login MCP would not ask for), or where
    the mcp package is missing.
    """
    if not is_loopback(host):
        raise ConfigError(
            f"--mcp listens on this machine only, as its tools ask for no login, and {host} may be reached from "
            "elsewhere: leave --host out"
        )
    if auth:
        raise ConfigError("--mcp and a login do not go together: MCP would list its tools without one. Leave one out")
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError('--mcp needs the mcp package: pip install "clinalign[mcp]"')
    names = Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_NAMES))
    return {"mcp_server": True, "app_kwargs": {"middleware": [names]}}


def speak_json(app: gr.Blocks) -> None:
    """Let the MCP tools of a launched page answer in JSON; Gradio would write dicts as Python does."""
    server: Any = app.mcp_server_obj

    def content(data: list[Any], root_url: str) -> list[Any]:
        return [server.types.TextContent(type="text", text=json.dumps(one, ensure_ascii=False)) for one in data]

    server.postprocess_output_data = content


@contextmanager
def _told() -> Iterator[None]:
    """Turns failures within into what a program is told of them; nothing of them goes to stderr."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - told in words that quote nothing
        raise gr.Error(html.unescape(explained(error)), print_exception=False) from None


def _text(name: str, given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        raise InputError(f"{name} must be text, and not empty")
    return given


def _whole(name: str, given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise InputError(f"{name} must be a whole number")
    return given
