"""The routes: what each takes and gives."""

from dataclasses import dataclass
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from agent import NOTICE
from agent.serve import chat
from agent.serve.door import CLIENT_GONE, Door
from agent.serve.failures import Refused, invalid, reply_to
from agent.serve.keys import Keys
from agent.serve.wire import MODEL, ChatReply, ChatRequest, ErrorReply, GradeRequest, Review, ReviseRequest
from agent.serve.work import ClientGone, Streamed, Work, result_of
from agent.service import Service
from agent.state import DRAFT_TOKENS, Context
from principles.errors import ClinAlignError

ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorReply}, "5XX": {"model": ErrorReply}}
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Limits:
    """Bytes of a body, tokens of a draft, and how many may wait beside those whose answers are being made."""

    body: int = 1_000_000
    tokens: int = DRAFT_TOKENS
    waiting: int = 32


def build_app(
    service: Service, keys: Keys | None = None, host: str = "127.0.0.1", limits: Limits | None = None
) -> FastAPI:
    """The server's app. Without `keys` it answers to requests that name this machine, or `host`, alone."""
    limits = limits or Limits()
    app = FastAPI(title="ClinAlign", description=NOTICE, version="1", docs_url=None, redoc_url=None, responses=ERRORS)
    work = Work(service, limits.waiting)
    _answers(app, work, limits)
    _watching(app, work)
    app.add_middleware(Door, metrics=work.metrics, keys=keys, host=host, most_bytes=limits.body)
    for kind, handler in (
        (ClinAlignError, lambda request, error: reply_to(error)),
        (RequestValidationError, lambda request, error: reply_to(invalid(error.errors()))),
        (HTTPException, lambda request, error: reply_to(Refused(error.detail, status=error.status_code))),
        (ClientGone, lambda request, error: Response(status_code=CLIENT_GONE)),
    ):
        app.add_exception_handler(cast(Any, kind), handler)
    return app


def _answers(app: FastAPI, work: Work, limits: Limits) -> None:
    @app.post("/v1/chat/completions", response_model=ChatReply, responses=STREAM)
    async def chat_completions(request: Request, asked: ChatRequest) -> Response:
        """OpenAI's chat completions: the answer, reviewed, with the review in `clinalign`."""
        asked.check()
        context = _context(asked.clinalign, asked.temperature, asked.seed, asked.draft_tokens(limits.tokens))
        key = request.state.request_id
        said, place = work.answer(key, [message.plain() for message in asked.messages], context)
        if asked.stream:
            usage = asked.stream_options is not None and asked.stream_options.include_usage
            return Streamed(chat.streamed(key, said, usage), said, place)
        return JSONResponse(chat.whole(key, await result_of(request, said, place)))

    @app.post("/v1/revise")
    async def revise(request: Request, asked: ReviseRequest) -> dict[str, Any]:
        """Review an answer that anybody wrote, and mend it: the agent's result, with `answer` the mended one."""
        messages = [message.plain() for message in asked.messages]
        said, place = work.answer(request.state.request_id, messages, _context(asked.clinalign), asked.draft)
        result = await result_of(request, said, place)
        return chat.review(result) | {"answer": result["answer"]}

    @app.post("/v1/grade")
    async def grade(request: Request, asked: GradeRequest) -> dict[str, Any]:
        """Grade an answer that anybody wrote against the principles that apply to its question."""
        messages = [message.plain() for message in asked.messages]
        said, place = work.grade(request.state.request_id, [*messages, {"role": "assistant", "content": asked.answer}])
        return await result_of(request, said, place)


def _watching(app: FastAPI, work: Work) -> None:
    served = {"id": MODEL, "object": "model", "created": work.started, "owned_by": "clinalign"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model that is served: the agent."""
        return {"object": "list", "data": [served]}

    @app.get("/v1/models/{model}")
    async def model(model: str) -> dict[str, Any]:
        """The same by its name."""
        if model != MODEL:
            raise Refused(f"there is no such model: the one served is {MODEL}", "model", "model_not_found", 404)
        return served

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Whether what the first question needs is loaded; where that has failed, it is tried again."""
        ready = work.service.ready
        if not ready:
            work.service.prepare()
        # Asked without a key: why it failed may name addresses, and stands in the log.
        status = "ready" if ready else "failed" if work.service.failure else "loading"
        return JSONResponse({"status": status}, 200 if ready else 503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(work.metrics.page(), media_type=METRICS)


def _context(
    review: Review | None, temperature: float | None = None, seed: int | None = None, tokens: int = DRAFT_TOKENS
) -> Context:
    review = review or Review()
    return Context(
        max_rounds=review.max_rounds,
        top_k=review.top_k,
        temperature=temperature or 0.0,
        seed=seed or 0,
        draft_tokens=tokens,
    )
