"""The chat without a browser: a run as it is shown, errors, cancelling, the conversation, the command line."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

import ui.app
import ui.chat.answering
from agent import NOTICE, build_agent
from agent.llm.progress import Progress
from agent.run import parts_of
from agent.service import AT_ONCE_HERE, AT_ONCE_THERE, MOST_ENDPOINTS, Service
from principles.errors import ConfigError, ModelError, WeightsError
from tests.fakes import FixedClassifier, FixedRetriever, ScriptedChat
from tests.unit.ui.page import JAM, MENDED, QUESTION, answered, mended, reader, service, words
from ui.__main__ import main
from ui.chat.answering import answering
from ui.chat.settings import HOSTS
from ui.chat.tab import _stage
from ui.chat.trace import Trace, trace_of
from ui.chat.turn import Conversation, Turn, badge, reopened, turn_html
from ui.common.failures import explained


@pytest.fixture(autouse=True)
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.resources.load_classifier", lambda encode: FixedClassifier())
    monkeypatch.setattr(ui.chat.answering, "DRAWN_EVERY_S", 0.0)


def shown(turn: Turn | None) -> str:
    assert turn is not None
    return words(turn_html(turn, 1))


def test_only_answered_questions_and_their_answers_are_the_conversation() -> None:
    one, two = mended(), mended("Rest.")
    stopped, failed = Turn("stopped before an answer", status="stopped"), Turn("no model", status="failed")
    assert Conversation([one, stopped, failed, two]).messages() == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": MENDED},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "Rest."},
    ]


def test_the_next_question_is_asked_with_the_conversation() -> None:
    model = ScriptedChat(draft="Rest a while.", chance=reader)
    talk = answered(service(model))
    answered(service(model), talk, "And with sugar?")
    assert [message["content"] for message in talk.messages()] == [
        QUESTION,
        "Rest a while.",
        "And with sugar?",
        "Rest a while.",
    ]
    assert "And with sugar?" in model.prompts


def test_the_draft_grows_word_by_word_before_anything_is_concluded() -> None:
    drafts: list[str] = []
    pages: list[str] = []

    def look(turn: Turn) -> None:
        if turn.status == "running":
            drafts.append(turn.trace.draft)
            pages.append(shown(turn))

    answered(service(ScriptedChat(draft="Rest a while. Eat jam daily.", chance=reader)), look=look)
    assert {"Rest ", "Rest a ", "Rest a while. "} <= set(drafts)
    assert all("Rest a while. Eat jam daily. ".startswith(draft) for draft in drafts)
    assert any("Draft, not checked yet Rest a while." in page for page in pages)


def test_what_is_drawn_less_often_is_complete_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.chat.answering, "DRAWN_EVERY_S", 100.0)
    seen: list[str] = []
    draft = " ".join(f"Word {i}." for i in range(50))
    talk = answered(service(ScriptedChat(draft=draft, chance=reader)), look=lambda turn: seen.append(turn.trace.draft))
    assert len(seen) < 40
    assert talk.messages()[-1]["content"] == draft


def test_each_stage_tells_what_it_found() -> None:
    turn = mended()
    steps = {step.title: words(step.body) for step in turn.trace.steps}
    assert steps["First draft, as it was before the review"] == "Rest a while. Eat jam daily."
    assert any("emergent, layperson, medication" in title for title in steps)
    assert "task.jam (-8): The answer mentions jam." in steps["Principles that apply: 1"]
    assert "| -8 | ✗ fails: yes |" in steps["Draft, 1 point checked: 0 hold"]
    assert "Eat jam daily. Leave the sweet spread out." in steps["Edits: 1"]
    assert "| -8 | ✗ fails: yes | ✓ holds: no |" in steps["Revision, 1 point checked: 1 holds"]
    assert not any(step.at_work for step in turn.trace.steps)
    page = shown(turn)
    assert (
        "1 point checked: 1 holds What no check asks about is unchecked. Rest a while. Leave the sweet spread out."
        in page
    )
    assert NOTICE in page


def test_an_answer_that_was_not_reviewed_says_so_before_it() -> None:
    model = ScriptedChat(draft="Rest a while.", chance=lambda prompt: None if "Answer:" in prompt else 0.9)
    page = shown(answered(service(model)).last)
    assert page.index("Not reviewed") < page.index("Rest a while.")
    assert "hold" not in page
    assert NOTICE in page


def test_what_the_review_could_not_mend_is_said_before_the_answer() -> None:
    page = shown(answered(service(ScriptedChat(draft="Eat jam daily.", chance=lambda prompt: 0.9))).last)
    assert page.index("still finds faults") < page.index("Eat jam daily.")
    assert "Does the answer mention jam? ✗ fails: yes" in page
    assert "1 point checked: 0 hold" in page


def test_a_review_of_a_part_says_how_much() -> None:
    state = mended().trace.state
    grade = state["rubric"]["final"] | {"coverage": 0.5}
    partly = state | {"rubric": state["rubric"] | {"final": grade}}
    assert 'class="badge partly"' in badge(partly)
    none = state | {"rubric": {"criteria": [], "draft": None, "final": None}}
    assert words(badge(none)).startswith("Not reviewed")


def test_loading_is_shown_while_the_model_is_made_ready() -> None:
    trace = Trace()
    turn = Turn(QUESTION, trace, "running")
    trace.hear({"type": "custom", "data": {"stage": "prepare", "status": "start"}})
    assert _stage(turn, "fetching: 40%") == "Getting the model ready … fetching: 40%"
    trace.hear({"type": "custom", "data": {"stage": "prepare", "status": "end", "seconds": 1.0}})
    assert "fetching" not in _stage(turn, "fetching: 40%")
    assert trace.steps == []


def test_the_report_of_the_agent_is_put_in_words() -> None:
    one = service(ScriptedChat())
    one.resources.report(Progress("fetching weights", 30, 120))
    assert one.loading == "fetching weights: 25%"


def test_what_the_first_question_needs_is_loaded_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("agent.service.language_of", said.append)
    one = service(ScriptedChat())
    monkeypatch.setattr(one.resources, "search", lambda: said.append("search"))
    monkeypatch.setattr(one.resources, "model", lambda: said.append("model"))
    monkeypatch.setattr(one.resources, "claims", lambda: said.append("claims"))
    monkeypatch.setattr("agent.service.find_medicines", said.append)
    assert not one.ready
    one.prepare().join(20)
    assert said == ["", "search", "model", "tea", "claims"]
    assert one.ready


def test_what_cannot_be_loaded_is_told_with_the_first_question(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    one = service(ScriptedChat())

    def missing() -> None:
        raise WeightsError("no weights")

    monkeypatch.setattr(one.resources, "search", missing)
    one.prepare().join(20)
    assert "".join(capfd.readouterr()) == ""


def test_a_failure_is_shown_in_its_own_words_and_logged_without_the_question(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = ScriptedChat(fail_from=0, error=ModelError("the endpoint <is> down"))
    with caplog.at_level(logging.DEBUG):
        talk = answered(service(broken))
    assert talk.last is not None
    assert "No answer. the endpoint &lt;is&gt; down" in str(turn_html(talk.last, 1)).replace("</b>", "")
    assert not any(step.at_work for step in talk.last.trace.steps)
    assert talk.messages() == []
    assert "zanzibar" not in caplog.text + "".join(capfd.readouterr())


def test_an_empty_question_is_refused_politely() -> None:
    assert "the question is empty" in shown(answered(service(ScriptedChat()), question="  ").last)


def test_the_unexpected_is_logged_by_type_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match="zanzibar") as raised:
        fail(QUESTION)
    assert "ValueError" in explained(raised.value)
    assert "in fail" in caplog.text
    assert "zanzibar" not in caplog.text + explained(raised.value)


class Endless(ScriptedChat):
    """Writes until it is stopped."""

    def _stream(self, *args: Any, **options: Any) -> Iterator[Any]:
        while True:
            for chunk in super()._stream(*args, **options):
                time.sleep(0.01)
                self.prompts.append("")
                yield chunk


def test_closing_the_stream_ends_the_model(capfd: pytest.CaptureFixture[str]) -> None:
    model = Endless()
    retriever: Any = FixedRetriever(JAM)

    async def leave_early() -> None:
        stream = parts_of(build_agent(model, retriever), [{"role": "user", "content": QUESTION}])
        async for part in stream:
            if part and part["type"] == "messages":
                break
        await stream.aclose()

    before = threading.active_count()
    asyncio.run(leave_early())
    time.sleep(0.3)
    written = len(model.prompts)
    time.sleep(0.3)
    assert len(model.prompts) == written > 0
    assert threading.active_count() <= before + 1
    assert "zanzibar" not in "".join(capfd.readouterr())


def test_leaving_a_turn_ends_the_model_and_leaves_it_stopped() -> None:
    model, talk = Endless(), Conversation()
    served = service(model)
    talk.ask(QUESTION)

    async def leave_early() -> None:
        async with aclosing(answering(talk, lambda: (served.agent(), None))) as turns:  # type: ignore[arg-type, return-value]
            async for turn in turns:
                if turn.trace.draft:
                    return

    asyncio.run(leave_early())
    time.sleep(0.3)
    written = len(model.prompts)
    time.sleep(0.3)
    assert len(model.prompts) == written > 0
    assert talk.last is not None
    assert talk.last.status == "stopped"
    assert not talk.busy
    assert not any(step.at_work for step in talk.last.trace.steps)
    assert "was not reviewed" in shown(talk.last)


def test_a_question_is_not_answered_twice_at_once() -> None:
    talk = Conversation([Turn(QUESTION, status="running")])

    async def drawn() -> int:
        return len([turn async for turn in answering(talk, lambda: (service(ScriptedChat()).agent(), None))])  # type: ignore[arg-type, return-value]

    assert asyncio.run(drawn()) == 0


def test_a_beat_comes_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(ScriptedChat):
        def _stream(self, *args: Any, **options: Any) -> Iterator[Any]:
            time.sleep(0.5)
            yield from super()._stream(*args, **options)

    monkeypatch.setattr("agent.run.BEAT_S", 0.05)
    retriever: Any = FixedRetriever(JAM)

    async def beats() -> int:
        stream = parts_of(build_agent(Silent(), retriever), [{"role": "user", "content": QUESTION}])
        return sum([part is None async for part in stream])

    assert asyncio.run(beats()) >= 5


def test_what_was_kept_is_shown_as_it_was() -> None:
    turn = mended()
    talk = Conversation([turn], "one")
    again = reopened("one", talk.messages(), [turn.result])
    assert again.messages() == talk.messages()
    assert again.last is not None
    assert [step.title for step in again.last.trace.steps if step.stage != "critique"] == [
        step.title for step in trace_of(turn.result).steps if step.stage != "critique"
    ]
    assert "1 point checked: 1 holds" in shown(again.last)


def test_what_an_earlier_version_kept_is_shown_too() -> None:
    turn = mended()
    scenario = {name: value for name, value in turn.result["scenario"].items() if name != "guessed"}
    result = turn.result | {"scenario": scenario | {"cautious": ["urgency"]}}
    again = reopened("one", Conversation([turn], "one").messages(), [result])
    assert again.last is not None
    assert "not sure: the safer value" in turn_html(again.last, 1)


def test_what_is_kept_of_an_answer_is_plain() -> None:
    import json

    assert json.loads(json.dumps(mended().result))["answer"] == MENDED


def test_answers_at_once_follow_where_the_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINALIGN_BASE_URL", raising=False)
    assert Service().at_once == AT_ONCE_HERE
    assert service(ScriptedChat()).at_once == AT_ONCE_THERE
    monkeypatch.setenv("CLINALIGN_BASE_URL", "http://127.0.0.1:9/v1")
    assert Service().at_once == AT_ONCE_THERE


def test_agents_of_endpoints_are_shared_and_bounded() -> None:
    one = service(ScriptedChat())
    assert one.agent() is one.agent()
    assert one.agent("http://a/v1") is one.agent("http://a/v1") is not one.agent()
    first = one.agent("http://a/v1")
    for number in range(MOST_ENDPOINTS):
        one.agent(f"http://a/{number}")
    assert one.agent("http://a/v1") is not first


def test_the_page_is_private_and_bounded(tmp_path: Any) -> None:
    from ui.common.database import open_database

    app = ui.app.build_app(service(ScriptedChat()), open_database(f"sqlite:///{tmp_path}/page.sqlite"))
    assert not app.analytics_enabled
    assert app._queue.max_size == ui.app.WAITING
    limits = {fn.concurrency_limit for fn in app.fns.values() if fn.concurrency_id == "answers"}
    assert limits == {AT_ONCE_THERE}
    named = [fn.api_name for fn in app.fns.values() if fn.api_visibility == "public"]
    assert named == ["ask", "grade", "search_principles"]


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert "--port" in said


def test_a_host_that_is_not_ours_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1"]) == 2
    assert "cannot listen on 192.0.2.1:7860" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "²"])
def test_a_port_that_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([f"--port={port}"])
    assert left.value.code == 2
    assert "1 to 65535" in capsys.readouterr().err


def test_an_adapter_is_named_on_the_page_and_checked_before_it_is_served(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ui.common.database import open_database

    monkeypatch.setenv("CLINALIGN_DATABASE", f"sqlite:///{tmp_path}/page.sqlite")
    assert Service().adapted is None
    monkeypatch.setenv("CLINALIGN_ADAPTER", f"{tmp_path}/none.gguf")
    assert service(ScriptedChat()).adapted is None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert main(["--port", str(port)]) == 2
    assert "none.gguf: there is no such file" in capsys.readouterr().err
    monkeypatch.setattr(Service, "adapted", "qwen+mine-<1>")
    page = ui.app.build_app(service(ScriptedChat()), open_database(f"sqlite:///{tmp_path}/page.sqlite"))
    values = [str(getattr(block, "value", "")) for block in page.blocks.values()]
    (shown,) = (value for value in values if "The model that answers" in value)
    assert "qwen+mine-&lt;1&gt;" in shown


def test_mcp_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert main(["--host", "0.0.0.0", "--port", str(port), "--mcp"]) == 2  # noqa: S104 - what is refused
    assert "--mcp" in capsys.readouterr().err


def test_a_list_of_hosts_that_is_none_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLINALIGN_DATABASE", f"sqlite:///{tmp_path}/page.sqlite")
    monkeypatch.setenv(HOSTS, "http://models:8000")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert main(["--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert HOSTS in said
    assert "Traceback" not in said


def test_help_says_what_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "no login" in capsys.readouterr().out


def test_a_setting_that_is_refused_is_said_in_the_chat() -> None:
    def refuse() -> Any:
        raise ConfigError("rounds of revision: choose a number from 0 to 3")

    talk = Conversation()
    talk.ask(QUESTION)

    async def drawn() -> None:
        async for _ in answering(talk, refuse):
            pass

    asyncio.run(drawn())
    assert "choose a number from 0 to 3" in shown(talk.last)
