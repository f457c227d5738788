"""An answer that somebody else wrote is reviewed like a draft, and nothing of one question reaches the next."""

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agent import Context, InputError, ModelError, build_agent
from agent.cli import main
from agent.graph import Agent
from tests.fakes import FixedRetriever, ScriptedChat, literal, principle

TEA = principle("tea", points=6)
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")
QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "What drink for fever?"}]}
GIVEN = "Rest a while. Eat jam daily. Take tea often."
MENDED = "Rest a while. Leave the sweet spread out. Take tea often."
THREAD: Any = {"configurable": {"thread_id": "one"}}

pytestmark = pytest.mark.usefixtures("fixed_classifier")


class NoDraft(ScriptedChat):
    """Must not be asked for a draft."""

    def _stream(self, *args: Any, **options: Any) -> Any:
        raise AssertionError("a draft was asked for")


def agent(chat: ScriptedChat, *principles: Any, kept: bool = False) -> Agent:
    retriever: Any = FixedRetriever(*(principles or (TEA, JAM)))
    return build_agent(chat, retriever, InMemorySaver() if kept else None)


def test_a_given_draft_is_mended_and_none_is_written() -> None:
    result = agent(NoDraft(chance=literal)).invoke({**QUESTION, "draft": f"{GIVEN}\n"})  # type: ignore[typeddict-item]
    assert (result["draft"], result["answer"], result["reviewed"]) == (GIVEN, MENDED, True)
    assert "draft" not in result["timings"]
    written = agent(ScriptedChat(draft=GIVEN, chance=literal)).invoke(QUESTION)  # type: ignore[arg-type]
    same = set(written) - {"messages", "usage", "timings"}
    assert {key: result[key] for key in same} == {key: written[key] for key in same}


def test_it_is_told_like_an_answer_but_without_a_stage_of_drafting() -> None:
    parts = agent(NoDraft(chance=literal)).stream(
        {**QUESTION, "draft": GIVEN},  # type: ignore[typeddict-item]
        stream_mode=["custom", "messages"],
        version="v2",
    )
    stages = [part["data"]["stage"] for part in parts if part["type"] == "custom"]
    assert "draft" not in stages
    assert {"critique", "revise", "choose"} <= set(stages)


def test_a_critic_that_is_down_returns_the_given_draft_not_reviewed() -> None:
    silent = NoDraft(chance=lambda prompt: None if "Answer:" in prompt else 0.9)
    result = agent(silent).invoke({**QUESTION, "draft": GIVEN})  # type: ignore[typeddict-item]
    assert (result["answer"], result["reviewed"]) == (GIVEN, False)


@pytest.mark.parametrize("draft", [None, 3, b"Rest.", ["Rest."], {"text": "Rest."}, "", " \n", "\0"])
def test_a_draft_that_is_none_is_one_clear_error(draft: Any) -> None:
    chat = ScriptedChat(chance=literal)
    with pytest.raises(InputError, match="the draft must be text, and not empty"):
        agent(chat).invoke({**QUESTION, "draft": draft})  # type: ignore[typeddict-item]
    assert chat.prompts == []


def test_a_draft_that_does_not_fit_is_told_without_quoting_it() -> None:
    with pytest.raises(InputError, match="the draft is too long: 600,000 bytes") as refused:
        agent(NoDraft()).invoke({**QUESTION, "draft": "zanzibar" * 75_000})  # type: ignore[typeddict-item]
    assert "zanzibar" not in str(refused.value)


def test_half_characters_of_a_draft_are_replaced() -> None:
    result = agent(NoDraft(chance=literal)).invoke({**QUESTION, "draft": "Rest \ud800 a while."})  # type: ignore[typeddict-item]
    assert result["draft"] == "Rest ? a while."


def test_a_draft_of_an_earlier_question_is_not_reviewed_again() -> None:
    talk = agent(ScriptedChat(draft="Drink water.", chance=literal), JAM, kept=True)
    assert talk.invoke({**QUESTION, "draft": GIVEN}, THREAD)["answer"] == MENDED  # type: ignore[typeddict-item]
    second = talk.invoke(QUESTION, THREAD)  # type: ignore[arg-type]
    assert (second["draft"], second["answer"]) == ("Drink water.", "Drink water.")
    again = talk.invoke({**QUESTION, "draft": "Drink water."}, THREAD)  # type: ignore[typeddict-item]
    assert (again["answer"], "draft" in again["timings"]) == ("Drink water.", False)


@pytest.mark.parametrize("fails", [0, 1], ids=["before the draft", "at the draft"])
def test_after_a_failure_nothing_answers_and_no_draft_is_left(fails: int) -> None:
    chat = ScriptedChat(draft="Drink water.", chance=literal)
    talk = agent(chat, JAM, kept=True)
    talk.invoke(QUESTION, THREAD)  # type: ignore[arg-type]
    assert talk.get_state(THREAD).values["answer"] == "Drink water."
    if fails:
        chat.fail_from = len(chat.prompts)
        with pytest.raises(ModelError):
            talk.invoke(QUESTION, THREAD)  # type: ignore[arg-type]
    else:
        with pytest.raises(InputError):
            talk.invoke({"messages": [{"role": "user", "content": "long " * 40_000}], "draft": GIVEN}, THREAD)  # type: ignore[typeddict-item,list-item]
    left = talk.get_state(THREAD).values
    assert "answer" not in left
    assert (left["edits"], left["reviewed"], left["coverage"], left["rounds"]) == ([], False, 0, 0)
    assert (left["rubric"]["draft"], left["rubric"]["final"]) == (None, None)
    if not fails:
        assert not any(left[key] for key in ("english", "scenario", "principles"))
        assert left["rubric"]["criteria"] == []
    chat.fail_from = None
    assert talk.invoke(QUESTION, THREAD)["draft"] == "Drink water."  # type: ignore[arg-type]


def test_the_values_of_a_second_question_never_hold_the_first_answer() -> None:
    chat = ScriptedChat(draft=GIVEN, chance=literal)
    talk = agent(chat, JAM, kept=True)
    assert talk.invoke(QUESTION, THREAD)["answer"] == MENDED  # type: ignore[arg-type]
    chat.draft = "Drink water."

    async def values() -> list[Any]:
        return [one async for one in talk.astream(QUESTION, THREAD, stream_mode="values")]  # type: ignore[arg-type]

    for seen in (list(talk.stream(QUESTION, THREAD, stream_mode="values")), asyncio.run(values())):  # type: ignore[arg-type]
        assert MENDED not in [one.get("answer") for one in seen]
        assert GIVEN not in [one.get("draft") for one in seen]
        assert seen[-1]["answer"] == "Drink water."


def test_a_run_that_was_broken_off_goes_on_with_the_draft_that_was_given() -> None:
    talk = agent(NoDraft(chance=literal), JAM, kept=True)
    run = talk.stream({**QUESTION, "draft": GIVEN}, THREAD, stream_mode="updates")  # type: ignore[typeddict-item]
    assert [list(next(run)) for _ in range(2)] == [["prepare"], ["scenario"]]
    run.close()
    assert talk.invoke(None, THREAD)["draft"] == GIVEN


def test_the_longest_draft_can_be_set() -> None:
    asked: list[Any] = []

    class Listening(ScriptedChat):
        def _stream(self, *args: Any, **options: Any) -> Any:
            asked.append(options["max_tokens"])
            return super()._stream(*args, **options)

    agent(Listening(chance=literal)).invoke(QUESTION, context=Context(draft_tokens=40))  # type: ignore[arg-type]
    assert asked == [40]


def test_the_command_reviews_a_file_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = NoDraft(chance=literal)
    monkeypatch.setattr("agent.build_agent", lambda **given: agent(chat), raising=False)
    path = tmp_path / "answer.txt"
    path.write_text(GIVEN, encoding="utf-8")
    for name in (str(path), "-"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GIVEN.encode())))
        assert main(["What drink for fever?", "--json", "--draft", name]) == 0
        assert json.loads(capsys.readouterr().out)["answer"] == MENDED


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot read"), (b"caf\xe9", "is not UTF-8 text"), (b" \n", "the draft is empty")],
)
def test_a_file_that_cannot_be_used_is_said_to_be_so(
    content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["What drink for fever?", "--draft", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, words in err, "Traceback" in err) == ("", True, False)


def test_question_and_draft_cannot_both_come_by_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-", "--draft", "-"]) == 2
    assert "cannot both be read from standard input" in capsys.readouterr().err
