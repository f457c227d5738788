"""The server called by real clients over HTTP: OpenAI's own, LangChain's, and plain ones that misbehave."""

import json
import logging
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

from agent import NOTICE
from agent.serve.app import Limits
from agent.serve.keys import Keys
from principles.errors import ModelError
from tests import needs
from tests.fakes import literal, principle
from tests.integration.test_programs import Watched, begun, ended
from tests.served import Serving, serving

DOCUMENT = Path(__file__).parents[2] / "docs" / "serving.md"
WRITTEN_FOR = "http://127.0.0.1:8080"
CANARY = "zanzibar"
# The first answer of a process loads dictionaries, on a busy machine for long.
WAIT_S = 300
KEY = "0123456789abcdef0123"
DRAFT, MENDED = "Rest a while. Eat jam daily.", "Rest a while. Leave the sweet spread out."
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")
ASKED: Any = [{"role": "user", "content": f"Can I rest a while with {CANARY} tea?"}]
BODY = {"model": "clinalign", "messages": ASKED}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Serving, Watched]]:
    model = Watched(chance=literal)
    with serving(model, JAM, limits=Limits(body=20_000)) as made:
        yield made, model


@pytest.fixture
def model(shared: tuple[Serving, Watched]) -> Watched:
    made = shared[1]
    made.draft, made.pause, made.words, made.fail_from = DRAFT, 0.0, 0, None
    return made


@pytest.fixture
def address(shared: tuple[Serving, Watched], model: Watched) -> str:
    return shared[0].address


@pytest.fixture
def client(address: str) -> openai.OpenAI:
    return client_of(address)


@pytest.fixture
def plain(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=WAIT_S) as made:
        yield made


def client_of(address: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{address}/v1", api_key=key, max_retries=0, http_client=httpx.Client(trust_env=False, timeout=WAIT_S)
    )


def test_openais_client_gets_the_reviewed_answer_and_its_review(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="clinalign", messages=ASKED)
    reply: Any = raw.parse()
    (choice,) = reply.choices
    assert (choice.message.content, choice.message.role, choice.finish_reason) == (MENDED, "assistant", "stop")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert (reply.clinalign["draft"], reply.clinalign["reviewed"]) == (DRAFT, True)
    assert reply.clinalign["edits"][0]["criterion_id"] == "task.jam"
    assert reply.clinalign["notice"] == raw.headers["clinalign-notice"] == NOTICE
    assert reply.id == f"chatcmpl-{raw.headers['x-request-id']}"
    assert CANARY not in json.dumps(reply.clinalign)


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_brings_the_reviewed_answer_alone_and_the_review_last(client: openai.OpenAI, usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if usage else {}
    chunks: list[Any] = list(client.chat.completions.create(model="clinalign", messages=ASKED, stream=True, **options))
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(deltas) == MENDED
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert [hasattr(chunk, "clinalign") for chunk in chunks] == [*[False] * (len(chunks) - 1), True]
    assert chunks[-1].clinalign["draft"] == DRAFT
    assert (chunks[-1].usage is not None) is usage


def test_a_stream_is_kept_open_with_comments_that_name_the_stages(plain: httpx.Client) -> None:
    with plain.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in reply.iter_lines() if line]
    comments = [line for line in lines if line.startswith(":")]
    assert {": draft", ": critique"} <= set(comments)
    assert lines[-1] == "data: [DONE]"
    assert "jam daily" not in "".join(line for line in lines if '"content"' in line and 'clinalign"' not in line)


def test_a_conversation_with_its_answers_sent_back_as_they_came(client: openai.OpenAI, model: Watched) -> None:
    first = client.chat.completions.create(model="clinalign", messages=ASKED).choices[0].message
    again: Any = [
        {"role": "developer", "content": "Be brief."},
        *ASKED,
        first,
        {"role": "user", "content": [{"type": "text", "text": "And with"}, {"type": "text", "text": "sugar?"}]},
    ]
    reply: Any = client.chat.completions.create(model="clinalign", messages=again, user="somebody", metadata={"a": "b"})
    assert reply.choices[0].message.content == MENDED
    assert reply.clinalign["warnings"] == ["system messages are not read: the agent has instructions of its own"]
    assert "And with\nsugar?" in model.prompts


def test_langchains_client_asks_and_streams(address: str) -> None:
    chat = ChatOpenAI(
        base_url=f"{address}/v1",
        api_key="none",  # type: ignore[arg-type]
        model="clinalign",
        temperature=0.5,
        seed=3,
        max_retries=0,
        http_client=httpx.Client(trust_env=False, timeout=WAIT_S),
    )
    said = [SystemMessage("Be kind."), HumanMessage("Can I rest a while with tea?")]
    reply = chat.invoke(said)
    assert reply.text == MENDED
    assert reply.usage_metadata is not None
    assert "".join(str(chunk.text) for chunk in chat.stream(said)) == MENDED


def test_the_agents_one_model_is_listed(client: openai.OpenAI) -> None:
    assert [one.id for one in client.models.list()] == ["clinalign"]
    assert client.models.retrieve("clinalign").owned_by == "clinalign"
    with pytest.raises(openai.NotFoundError, match="the one served is clinalign"):
        client.models.retrieve("other")
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert refused.value.code == "model_not_found"


def test_what_sampling_asks_for_reaches_the_model(client: openai.OpenAI, model: Watched, monkeypatch: Any) -> None:
    heard: list[Any] = []
    stream = Watched._stream

    def listening(self: Watched, *args: Any, **options: Any) -> Any:
        heard.append((options["max_tokens"], options["temperature"], options["seed"]))
        return stream(self, *args, **options)

    monkeypatch.setattr(Watched, "_stream", listening)
    for given, tokens in (({"max_tokens": 50}, 50), ({"max_completion_tokens": 40}, 40), ({"max_tokens": 9_999}, 600)):
        sampling: Any = {"temperature": 0.7, "seed": 5, **given}
        client.chat.completions.create(model="clinalign", messages=ASKED, **sampling)
        assert heard.pop() == (tokens, 0.7, 5)


def test_a_draft_that_was_cut_says_so(client: openai.OpenAI, monkeypatch: Any) -> None:
    stream = Watched._stream

    def cut(self: Watched, *args: Any, **options: Any) -> Any:
        for chunk in stream(self, *args, **options):
            chunk.message.response_metadata = {"finish_reason": "length"} if "daily" in chunk.text else {}
            yield chunk

    monkeypatch.setattr(Watched, "_stream", cut)
    reply = client.chat.completions.create(model="clinalign", messages=ASKED, max_tokens=50)
    assert reply.choices[0].finish_reason == "length"


PICTURE = {"type": "image_url", "image_url": {"url": f"https://{CANARY}"}}


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"n": 2}, "n", "one answer is given"),
        ({"stop": [CANARY]}, "stop", "may lose its warning"),
        ({"top_p": 0.5}, "top_p", "use temperature"),
        ({"tools": [{"type": "function", "function": {"name": CANARY}}]}, "tools", "no tools are called"),
        ({"response_format": {"type": "json_object"}}, "response_format", "an answer is text"),
        ({"logprobs": True}, "logprobs", "no token probabilities"),
        ({"store": True}, "store", "nothing is stored"),
        ({"best_of": 3}, "best_of", "no such field"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"temperature": "hot"}, "temperature", "valid number"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"seed": 2**70}, "seed", "less than"),
        ({"stream": CANARY}, "stream", "valid boolean"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "goes with stream only"),
        ({"clinalign": {"max_rounds": 11}}, "clinalign.max_rounds", "less than or equal to 10"),
        ({"clinalign": {"rounds": 1}}, "clinalign.rounds", "not permitted"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": CANARY}, "messages", "valid list"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "field required"),
        ({"messages": [{"role": "tool", "content": CANARY}]}, "messages[0].role", "results of tools"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "messages[0].content[0].type", "only text is read"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "valid string"),
        (
            {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]},
            "messages[0]",
            "tool_calls",
        ),
        ({"messages": [*ASKED, {"role": "assistant", "content": CANARY}]}, None, "the last message must be the user's"),
        ({"messages": [{"role": "user", "content": " "}]}, None, "the question is empty"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name_and_not_quoted(
    plain: httpx.Client, change: dict[str, Any], param: str | None, words: str
) -> None:
    reply = plain.post("/v1/chat/completions", json={**BODY, **change})
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]
    assert CANARY not in reply.text
    assert reply.headers["x-should-retry"] == "false"


def test_half_characters_are_no_failure(plain: httpx.Client) -> None:
    body = json.dumps({**BODY, "messages": [{"role": "user", "content": "Can I rest\ud800 a while with tea?"}]})
    reply = plain.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert reply.json()["choices"][0]["message"]["content"] == MENDED


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("not json", "application/json", 400),
        ("[]", "application/json", 400),
        ("", "application/json", 400),
        # what a web page may send anywhere without being asked
        (json.dumps(BODY), "text/plain", 400),
        (json.dumps(BODY), None, 400),
    ],
)
def test_a_body_that_is_none_is_an_openai_error(
    plain: httpx.Client, content: str, kind: str | None, status: int
) -> None:
    reply = plain.post("/v1/chat/completions", content=content, headers={"Content-Type": kind} if kind else None)
    assert (reply.status_code, set(reply.json()["error"])) == (status, {"message", "type", "param", "code"})


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405), ("GET", "/", 404)]
)
def test_a_wrong_address_is_an_openai_error(plain: httpx.Client, method: str, path: str, status: int) -> None:
    reply = plain.request(method, path)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, None)


def test_an_answer_of_anybodys_is_revised_and_graded(plain: httpx.Client, model: Watched) -> None:
    revised = plain.post("/v1/revise", json={"messages": ASKED, "draft": DRAFT}).json()
    assert (revised["draft"], revised["answer"]) == (DRAFT, MENDED)
    assert (revised["notice"], model.words, "messages" in revised) == (NOTICE, 0, False)
    for answer, key in ((revised["draft"], "draft"), (revised["answer"], "final")):
        graded = plain.post("/v1/grade", json={"messages": ASKED, "answer": answer}).json()
        assert {name: graded[name] for name in revised["rubric"][key]} == revised["rubric"][key]
    assert graded["notice"] == NOTICE
    for path, name in (("/v1/revise", "draft"), ("/v1/grade", "answer")):
        for wrong in ("", " ", None, 3):
            refused = plain.post(path, json={"messages": ASKED, name: wrong})
            assert (refused.status_code, CANARY in refused.text) == (400, False)


def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(plain: httpx.Client) -> None:
    large = json.dumps({**BODY, "user": "a" * 30_000}).encode()
    for content in (large, iter([large[:10_000], large[10_000:]])):
        reply = plain.post("/v1/chat/completions", content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code == 413
        assert "larger than 20,000 bytes" in reply.json()["error"]["message"]


def test_another_name_of_this_machine_is_turned_away(plain: httpx.Client) -> None:
    port = plain.base_url.port
    for host, status in (("evil.example", 403), (f"localhost:{port}", 200), ("", 403)):
        assert plain.get("/v1/models", headers={"Host": host}).status_code == status


def test_a_request_keeps_the_id_it_came_with_if_that_is_one(plain: httpx.Client) -> None:
    assert plain.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = plain.get("/healthz", headers={"x-request-id": f"{CANARY} a text"}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_keys_are_asked_for() -> None:
    with serving(Watched(draft=DRAFT, chance=literal), JAM, keys=Keys([KEY, "another-key-of-20-letters"])) as made:
        reply = client_of(made.address, KEY).chat.completions.create(model="clinalign", messages=ASKED)
        assert reply.choices[0].message.content == MENDED
        for wrong in ("none", KEY[:-1], f"{KEY}0", KEY.upper()):
            with pytest.raises(openai.AuthenticationError) as refused:
                client_of(made.address, wrong).models.list()
            assert refused.value.code == "invalid_api_key"
        with httpx.Client(base_url=made.address, trust_env=False) as plain:
            open_to_all = {path: plain.get(path).status_code for path in ("/healthz", "/metrics", "/openapi.json")}
            assert open_to_all == {"/healthz": 200, "/metrics": 401, "/openapi.json": 401}
            assert plain.get("/v1/models", headers={"Authorization": f"Basic {KEY}"}).status_code == 401
            assert plain.get("/v1/models", headers={"Host": "a.b", "Authorization": f"Bearer {KEY}"}).status_code == 200


def test_more_than_the_queue_holds_are_sent_away_and_the_others_answered(monkeypatch: Any) -> None:
    monkeypatch.setattr("agent.service.AT_ONCE_THERE", 1)
    model = Watched(draft="Rest a while. " * 200, chance=literal, pause=0.5)
    with serving(model, JAM, limits=Limits(waiting=1)) as made:
        answers: list[str | None] = []
        first = threading.Thread(target=answers_into, args=(made.address, answers))
        first.start()
        begun(model)
        with httpx.Client(base_url=made.address, trust_env=False, timeout=WAIT_S) as plain:
            with plain.stream("POST", "/v1/chat/completions", json={**BODY, "stream": True}) as second:
                lines = second.iter_lines()
                assert next(line for line in lines if line.startswith(":")) == ": waiting"
                reply = plain.post("/v1/grade", json={"messages": ASKED, "answer": "Rest."})
                assert (reply.status_code, reply.json()["error"]["code"]) == (429, "queue_full")
                assert 1 <= int(reply.headers["retry-after"]) <= 600
                model.pause = 0.0
                assert [line for line in lines if line][-1] == "data: [DONE]"
            first.join(WAIT_S)
            assert answers == [model.draft.strip()]
            assert plain.post("/v1/grade", json={"messages": ASKED, "answer": "Rest."}).status_code == 200


def answers_into(address: str, answers: list[str | None]) -> None:
    reply = client_of(address).chat.completions.create(model="clinalign", messages=ASKED)
    answers.append(reply.choices[0].message.content)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_ends_the_work_and_leaves_its_place(
    shared: tuple[Serving, Watched], address: str, model: Watched, stream: bool
) -> None:
    model.pause, model.draft = 0.05, "word " * 1_000
    body = json.dumps({**BODY, "stream": stream}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", shared[0].port)) as made:
        made.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        begun(model)
    ended(model)
    model.pause, model.draft = 0.0, DRAFT
    reply = client_of(address).chat.completions.create(model="clinalign", messages=ASKED)
    assert reply.choices[0].message.content == MENDED


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (ModelError("the endpoint is down", retryable=True), 503, "true"),
        (ModelError("the endpoint refused"), 502, "false"),
        (RuntimeError(CANARY), 502, "false"),
    ],
)
def test_failures_quote_nothing_anywhere(
    plain: httpx.Client,
    client: openai.OpenAI,
    model: Watched,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    retry: str,
) -> None:
    model.fail_from, model.error = 0, error
    with caplog.at_level(logging.DEBUG):
        reply = plain.post("/v1/chat/completions", json=BODY)
        assert (reply.status_code, reply.headers["x-should-retry"]) == (status, retry)
        assert reply.json()["error"]["type"] == "server_error"
        with pytest.raises(openai.APIError) as broken:
            list(client.chat.completions.create(model="clinalign", messages=ASKED, stream=True))
    own = "".join(record.getMessage() for record in caplog.records if not record.name.startswith(("openai", "httpx")))
    assert CANARY not in reply.text + str(broken.value) + own + "".join(capfd.readouterr())


def test_what_nobody_foresaw_is_logged_by_place_and_told_by_type(
    plain: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("agent.serve.chat.whole", broken)
    reply = plain.post("/v1/chat/completions", json=BODY)
    assert (reply.status_code, reply.json()["error"]["type"]) == (500, "server_error")
    assert "unexpected RuntimeError" in caplog.text
    assert CANARY not in reply.text + caplog.text + "".join(capfd.readouterr())


def test_the_log_holds_ids_lengths_and_seconds(plain: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "clinalign"):
        key = plain.post("/v1/chat/completions", json=BODY).headers["x-request-id"]
        plain.get(f"/v1/{CANARY}?q={CANARY}")
        plain.get(f"/v1/models/{CANARY}")
        lines = lines_of(caplog, 4)
    assert lines[0].startswith(f"result={key} answer={len(MENDED)} draft={len(DRAFT)} calls=")
    assert lines[1].startswith(f"request={key} POST /v1/chat/completions 200 ")
    assert " GET other 404 " in lines[2]
    assert " GET /v1/models/{model} 404 " in lines[3]
    assert CANARY not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("clinalign")
    )


def lines_of(caplog: pytest.LogCaptureFixture, number: int) -> list[str]:
    """So many lines of the server's log, the last of which it writes after its reply."""
    deadline = time.monotonic() + 20
    while True:
        lines = [record.getMessage() for record in caplog.records if record.name == "clinalign.serve"]
        if len(lines) >= number:
            return lines
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_readiness_comes_once_all_is_loaded(plain: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while plain.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert plain.get("/readyz").json() == {"status": "ready"}


def test_metrics_count_and_name_nothing_of_a_request(plain: httpx.Client) -> None:
    needs.require("metrics")
    plain.post("/v1/chat/completions", json=BODY)
    plain.get(f"/{CANARY}")
    page = plain.get("/metrics").text
    assert 'clinalign_answers_total{reviewed="true"}' in page
    assert 'clinalign_requests_total{route="other",status="404"}' in page
    assert "clinalign_answers_inside 0.0" in page
    assert CANARY not in page


def test_a_shutdown_finishes_what_is_at_work() -> None:
    model = Watched(draft=DRAFT, chance=literal, pause=0.3)
    answers: list[str | None] = []
    with serving(model, JAM) as made:
        asking = threading.Thread(target=answers_into, args=(made.address, answers))
        asking.start()
        begun(model)
        made.stop()
        asking.join(30)
    assert answers == [MENDED]
    with pytest.raises(openai.APIConnectionError):
        client_of(made.address).models.list()


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(snippets())))
def test_the_documents_calls_run_as_they_stand(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any, number: int
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    exec(snippets()[number].replace(WRITTEN_FOR, address), {})  # noqa: S102 - a document of ours
    assert capsys.readouterr().out.strip()


@needs.curl
def test_the_documents_curl_calls_run_as_they_stand(address: str) -> None:
    blocks = re.findall(r"```sh\n(curl.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    commands = [f"curl{command}" for block in blocks for command in block.split("curl")[1:]]
    answers = []
    for command in commands:
        shell = ["sh", "-c", command.replace(WRITTEN_FOR, address)]
        done = subprocess.run(shell, capture_output=True, check=True, env={**os.environ, "NO_PROXY": "127.0.0.1"})
        answers.append(json.loads(done.stdout))
    assert [{"choices", "clinalign"} <= set(one) for one in answers] == [True, False, False]
    assert [{"draft", "answer"} <= set(one) for one in answers] == [False, True, False]
    assert [{"verdicts", "score"} <= set(one) for one in answers] == [False, False, True]
    assert not any("error" in one for one in answers)
