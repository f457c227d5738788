import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agent.critic.by_json import JsonJudge
from agent.llm.client import Model
from principles.errors import ConfigError, ModelError
from principles.schema import Criterion, Label, Verdict
from tests.fakes import ScriptedChat
from training.judge import registry as judges
from training.judge.registry import JUDGES, judge_identity, make_judge
from training.judge.simple import SimpleGrader

TURNS = [{"role": "user", "content": "Is it safe?"}]
Asked = dict[str, str]
"""Id to criterion, as a prompt lists them."""


def json_chat(reply: Callable[[Asked, int], Any]) -> ScriptedChat:
    """Replies with `reply(ids and criteria of the prompt, number of the call)`; raises what is an exception."""
    chat = ScriptedChat()

    def said(prompt: str) -> str:
        made = reply(dict(re.findall(r"^([0-9a-f]{8})\n```\n(.*)\n```$", prompt, re.MULTILINE)), len(chat.prompts))
        if isinstance(made, Exception):
            raise made
        return made if isinstance(made, str) else json.dumps(made)

    chat.reply = said
    return chat


def criteria(count: int) -> list[Criterion]:
    return [Criterion(id=f"k{number}", text=f"Is it number {number}?", points=5) for number in range(count)]


def entries(asked: Asked, verdict: str = "yes") -> list[dict[str, Any]]:
    return [{"id": key, "reason": "so", "verdict": verdict} for key in asked]


def judged(reply: Callable[[Asked, int], Any], count: int = 3, batch: int = 5) -> tuple[list[Verdict], ScriptedChat]:
    chat = json_chat(reply)
    return JsonJudge(Model(chat), batch).verdicts(TURNS, "An answer.", criteria(count)), chat


def test_one_criterion_a_call_unless_told_otherwise() -> None:
    chat = json_chat(lambda asked, call: {"verdicts": entries(asked)})
    JsonJudge(Model(chat)).verdicts(TURNS, "An answer.", criteria(3))
    assert len(chat.prompts) == 3


def test_batches_of_five_in_any_order() -> None:
    def reply(asked: Asked, call: int) -> Any:
        return {
            "verdicts": [
                {"id": key, "reason": text, "verdict": "yes" if "3" in text else "no"}
                for key, text in reversed(asked.items())
            ]
        }

    found, chat = judged(reply, count=12)
    assert len(chat.prompts) == 3
    assert [v.criterion_id for v in found] == [f"k{number}" for number in range(12)]
    assert [v.criterion_id for v in found if v.label is Label.MET] == ["k3"]
    assert found[4].reason == "Is it number 4?"


BAD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "missing": lambda entry: [],
    "doubled": lambda entry: [entry, entry],
    "both": lambda entry: [entry, entry | {"verdict": "no"}],
    "of another": lambda entry: [entry | {"id": "00000000"}],
    "numbered": lambda entry: [entry | {"id": "c1"}, entry | {"id": 1}, entry | {"id": None}, entry | {"id": []}],
    "off the menu": lambda entry: [entry | {"verdict": "maybe"}],
    "capital": lambda entry: [entry | {"verdict": "YES"}],
    "boolean": lambda entry: [entry | {"verdict": True}],
    "list": lambda entry: [entry | {"verdict": ["yes"]}],
    "more keys": lambda entry: [entry | {"final_verdict": "no"}],
    "no reason": lambda entry: [{"id": entry["id"], "verdict": "yes"}],
    "text": lambda entry: ["yes", 7, None],
}


@pytest.mark.parametrize("kind", BAD)
def test_only_what_is_wrong_is_asked_again_and_then_unknown(kind: str) -> None:
    def reply(asked: Asked, call: int) -> Any:
        return {
            "verdicts": [
                one
                for entry, text in zip(entries(asked), asked.values(), strict=True)
                for one in (BAD[kind](entry) if "1" in text else [entry])
            ]
        }

    found, chat = judged(reply)
    assert [v.label for v in found] == [Label.MET, Label.UNKNOWN, Label.MET]
    assert len(chat.prompts) == 2
    assert "number 1?" in chat.prompts[1]
    assert "number 0?" not in chat.prompts[1]


@pytest.mark.parametrize(
    "text",
    [
        "All are met: yes.",
        "[]",
        "null",
        '{"verdicts": {}}',
        '{"verdicts": [], "verdict": "yes"}',
        "[" * 100_000,
        '{"verdicts": [',
        "",
    ],
)
def test_an_unreadable_reply_is_unknown_after_one_more_asking_each(text: str) -> None:
    found, chat = judged(lambda asked, call: text)
    assert [v.label for v in found] == [Label.UNKNOWN] * 3
    assert len(chat.prompts) == 4


def test_a_verdict_that_stands_twice_in_one_entry_is_none() -> None:
    def reply(asked: Asked, call: int) -> str:
        pairs = [f'{{"id": "{key}", "reason": "", "verdict": "no", "verdict": "yes"}}' for key in asked]
        return f'{{"verdicts": [{", ".join(pairs)}]}}'

    assert {v.label for v in judged(reply)[0]} == {Label.UNKNOWN}


def test_a_second_asking_can_mend() -> None:
    found, chat = judged(lambda asked, call: {"verdicts": entries(asked)} if call > 1 else "sorry")
    assert {v.label for v in found} == {Label.MET}
    first, second = (set(re.findall(r"(?m)^[0-9a-f]{8}$", prompt)) for prompt in chat.prompts[:2])
    assert len(first) == 3
    assert not first & second


def test_extra_verdicts_are_dropped() -> None:
    found, _ = judged(lambda asked, call: {"verdicts": entries({**asked, "deadbeef": "", "k9": ""})}, count=2)
    assert [v.criterion_id for v in found] == ["k0", "k1"]


def test_a_failed_batch_keeps_its_siblings() -> None:
    found, chat = judged(
        lambda asked, call: ConnectionError() if call == 2 else {"verdicts": entries(asked)}, count=6, batch=2
    )
    assert [v.criterion_id for v in found] == ["k0", "k1", "k4", "k5"]
    assert len(chat.prompts) == 3


def test_a_failed_second_asking_keeps_its_siblings() -> None:
    found, _ = judged(lambda asked, call: ConnectionError() if call > 1 else {"verdicts": entries(asked)[1:]})
    assert [v.label for v in found] == [Label.UNKNOWN, Label.MET, Label.MET]


def test_a_dead_endpoint_is_an_error_after_two_calls() -> None:
    chat = json_chat(lambda asked, call: ConnectionError())
    with pytest.raises(ModelError):
        JsonJudge(Model(chat), 1).verdicts(TURNS, "An answer.", criteria(9))
    assert len(chat.prompts) == 2


def test_the_same_input_is_asked_in_the_same_words() -> None:
    one, other = (judged(lambda asked, call: {"verdicts": entries(asked)})[1].prompts for _ in range(2))
    assert one == other


def explained(*replies: str) -> ScriptedChat:
    """Replies with each in turn."""
    left = iter(replies)
    return ScriptedChat(reply=lambda prompt: next(left))


def test_simple_shows_the_conversation_and_the_points_of_one_item() -> None:
    chat = explained('{"explanation": "so", "criteria_met": true}', '{"explanation": "", "criteria_met": false}')
    items = [Criterion(id="a", text="Says tea.", points=7), Criterion(id="b", text="Says jam.", points=-2.5)]
    found = SimpleGrader(Model(chat)).verdicts(TURNS, "Have tea.", items)
    assert [(v.label, v.reason) for v in found] == [(Label.MET, "so"), (Label.NOT_MET, None)]
    assert "USER: Is it safe?\n\nASSISTANT: Have tea.\n```" in chat.prompts[0]
    assert "[7] Says tea." in chat.prompts[0]
    assert "[-2.5] Says jam." in chat.prompts[1]
    assert "Says jam" not in chat.prompts[0]


@pytest.mark.parametrize("bad", ["", "true", '{"criteria_met": "true"}', '{"criteria_met": 1}', '{"explanation": "x"}'])
def test_simple_gives_up_after_three_tries(bad: str) -> None:
    chat = explained(*[bad] * 9)
    (verdict,) = SimpleGrader(Model(chat)).verdicts(TURNS, "x", criteria(1))
    assert verdict.label is Label.UNKNOWN
    assert len(chat.prompts) == 3


def test_judges_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    class Endpoint:
        model = "m"

    monkeypatch.setattr("agent.llm.endpoint.resolve_endpoint", lambda profile, base_url: Endpoint)
    monkeypatch.setattr("agent.llm.client.chat_model", lambda endpoint: ScriptedChat())
    kinds = {name: type(make_judge(name)).__name__ for name in JUDGES if name != "local"}
    assert kinds == {"logprob": "ModelJudge", "json": "JsonJudge", "simple": "SimpleGrader"}
    cached = make_judge("logprob", cache=tmp_path / "verdicts.sqlite")
    assert [v.label for v in cached.verdicts(TURNS, "x", criteria(2))] == [Label.MET, Label.MET]
    with pytest.raises(ConfigError, match="logprob, json, simple, local"):
        make_judge("best")
    with pytest.raises(ConfigError, match="folder"):
        make_judge("local")


def test_verdicts_of_two_kinds_are_two_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("agent.llm.endpoint.resolve_endpoint", lambda profile, base_url: SimpleNamespace(model="m"))
    monkeypatch.setattr("agent.llm.client.chat_model", lambda endpoint: ScriptedChat(logprobs=False))
    for cache in (None, tmp_path / "verdicts.sqlite"):
        with pytest.raises(ConfigError, match=r"gives no logprobs.*use the judge `json`"):
            make_judge("logprob", cache=cache).verdicts(TURNS, "x", criteria(2))
        assert len(make_judge("json", cache=cache).verdicts(TURNS, "x", criteria(2))) == 2


def test_an_identity_changes_with_judge_model_and_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {judge_identity(name, model) for name in JUDGES for model in ("m", "n")}
    assert len(names) == 8
    before = judge_identity("logprob", "m")
    assert before == judge_identity("logprob", "m")
    monkeypatch.setitem(judges.ENTRIES, "logprob", judges.Entry(judges._logprob, prompts=("judge",)))
    assert judge_identity("logprob", "m") != before


def test_the_judge_by_probability_tells_its_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.llm.endpoint.resolve_endpoint", lambda profile, base_url: SimpleNamespace(model="m"))
    monkeypatch.setattr("agent.llm.client.chat_model", lambda endpoint: ScriptedChat())
    before = judges._logprob(judges.Wanted())[1]
    monkeypatch.setattr("agent.critic.judge.MET_FROM", 0.6)
    assert judges._logprob(judges.Wanted())[1] != before
