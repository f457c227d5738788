"""What a terminal shows: stages as they happen on stderr, the draft as it is written, then the whole result."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.conversation import counted
from principles.schema import Verdict
from principles.scoring import unsure

STAGES = {
    "prepare": "getting the model ready",
    "draft": "drafting an answer",
    "scenario": "what kind of question is this?",
    "retrieve": "looking for principles",
    "rubric": "which of them apply?",
    "claims": "looking for wrong facts",
    "critique": "checking the answer against them",
    "revise": "mending what fails",
    "choose": "choosing the best version",
}


def stage_words(stage: str) -> str:
    """What a stage does, in words; of one that a program has added, its name."""
    return STAGES.get(stage, stage.replace("_", " "))


_COLOURS = {"MET": "green", "NOT_MET": "red", "UNKNOWN": "yellow"}


class Screen:
    """Hears the parts of `agent.stream(..., version="v2")` and prints them."""

    def __init__(self) -> None:
        self._progress = Console(stderr=True)
        self._out = Console()
        self._drafting = False

    def hear(self, part: Mapping[str, Any]) -> None:
        """One part: a stage that starts, ends or tells of an edit, or a piece of the draft."""
        if part["type"] == "messages":
            chunk, about = part["data"]
            if about.get("langgraph_node") == "draft" and chunk.text:
                self._drafting = True
                self._progress.print(str(chunk.text), end="", style="dim", markup=False, highlight=False)
            return
        event = part["data"]
        stage, status = event["stage"], event["status"]
        if status == "end" and stage == "draft" and self._drafting:
            self._drafting = False
            self._progress.print()
        if status == "start" and not self._drafting and stage != "choose":
            self._progress.print(f"[cyan]·[/] {stage_words(stage)} …")
        elif status == "edit":
            self._progress.print(f"    {event['criterion']}: {event['outcome']}", highlight=False)

    def result(self, result: Mapping[str, Any]) -> None:
        """Draft, scenario, principles with verdicts, edits, answer, notice."""
        self._section("Draft", Text(result["draft"], style="dim"))
        self._section("Scenario", Text(_scenario_line(result["scenario"])))
        self._section("Principles", _principles_table(result))
        if result["edits"]:
            self._section("Edits", _edits(result["edits"]))
        title = "Answer" if result["reviewed"] else "Answer (not reviewed)"
        self._section("Checked", Text(checked_words(result)))
        self._out.print(Panel(Text(result["answer"]), title=title, border_style="green", padding=(1, 2)))
        from agent import NOTICE

        self._out.print(Text(NOTICE, style="yellow"))
        self._out.print(Text(_cost_line(result), style="dim"))

    def _section(self, title: str, body: Any) -> None:
        self._out.rule(f"[bold]{title}", align="left")
        self._out.print(Padding(body, (0, 0, 1, 2)))


def checked_words(result: Mapping[str, Any]) -> str:
    """How much of the answer was checked, in words: a check that holds is no verdict on the rest."""
    asked = len(result["rubric"]["criteria"])
    judged = round(result["coverage"] * asked)
    if not result["reviewed"] or not judged:
        return "nothing of this answer was checked"
    points = f"{counted(judged, 'point')} of this answer {'was' if judged == 1 else 'were'} checked"
    left = f"; {asked - judged} more could not be judged" if judged < asked else ""
    return f"{points}{left}. What no check asks about is unchecked."


def _scenario_line(scenario: Mapping[str, Any]) -> str:
    sure = scenario["confidence"]
    parts = [
        f"{name} {scenario[name]} ({sure.get(name, 1):.0%})" for name in ("urgency", "uncertainty", "expertise", "task")
    ]
    doubt = f"\nnot sure of {', '.join(scenario['guessed'])}: the safer value was taken" if scenario["guessed"] else ""
    return ", ".join(parts) + doubt


def _principles_table(result: Mapping[str, Any]) -> Any:
    rubric = result["rubric"]
    if not rubric["criteria"]:
        return Text("none applies")
    table = Table(box=None, pad_edge=False)
    for column in ("principle", "points", "draft", "answer", "criterion"):
        table.add_column(column, overflow="fold", justify="right" if column == "points" else "left")
    before, after = (_verdicts(rubric[key]) for key in ("draft", "final"))
    for criterion in rubric["criteria"]:
        key = criterion["id"]
        table.add_row(key, f"{criterion['points']:+.0f}", before(key), after(key), Text(criterion["text"]))
    return table


def _verdicts(grade: Mapping[str, Any] | None) -> Any:
    by_id = {verdict["criterion_id"]: verdict for verdict in (grade or {}).get("verdicts", [])}

    def cell(key: str) -> Text:
        verdict = by_id.get(key)
        if verdict is None:
            return Text("–")
        doubt = " (unsure)" if unsure(Verdict.model_validate(verdict)) else ""
        return Text(verdict["label"] + doubt, style=_COLOURS[verdict["label"]])

    return cell


def _edits(edits: list[dict[str, Any]]) -> Text:
    text = Text()
    for edit in edits:
        text.append(f"{edit['kind']} for {edit['criterion_id']} (+{edit['gain']} points)\n", style="bold")
        if edit["removed"]:
            text.append(f"- {edit['removed']}\n", style="red")
        if edit["added"]:
            text.append(f"+ {edit['added']}\n", style="green")
    text.rstrip()
    return text


def _cost_line(result: Mapping[str, Any]) -> str:
    usage, timings = result["usage"], result["timings"]
    tokens = f"{usage['prompt_tokens']} prompt and {usage['completion_tokens']} completion tokens"
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in timings.items() if seconds >= 0.05)
    return f"{usage['calls']} model calls, {tokens}; {spent}"
