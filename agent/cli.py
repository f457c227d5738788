"""`python -m agent`: ask one question in a terminal and see the draft, its review and the answer."""

import argparse
import json
import os
import sys
from typing import Any

from agent.llm.profiles import DEFAULT_PROFILE, PROFILES
from principles.errors import ClinAlignError, InputError

EPILOG = f"""
Without --base-url and CLINALIGN_BASE_URL, a small Qwen model is fetched once and run on this machine
(profiles: {", ".join(PROFILES)}; default {DEFAULT_PROFILE}). Exit status: 0 an answer, 2 an error that the
message explains, 130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m agent", description=__doc__, epilog=EPILOG)
    made.add_argument("question", help="the question in quotes, or - to read it from standard input")
    made.add_argument("--json", action="store_true", help="print the whole result as one JSON object, and nothing else")
    made.add_argument("--rounds", type=int, default=1, metavar="N", help="most rounds of revision (default 1)")
    made.add_argument("--no-revise", action="store_true", help="draft and grade only, the same as --rounds 0")
    made.add_argument("--rewrite", action="store_true", help="revise by rewriting, for a strong model")
    made.add_argument("--model", metavar="NAME", help="a profile to run here, or the model's name with --base-url")
    made.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint, e.g. http://localhost:8000/v1")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        status = _ask(chosen)
        sys.stdout.flush()  # here, where a closed pipe is no error
        return status
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _ask(chosen: argparse.Namespace) -> int:
    question = _question(chosen.question)
    # Seconds of imports: not before the question is known to be one, and the help not at all.
    from langchain_core.messages import HumanMessage

    from agent import Context, build_agent
    from agent.llm.progress import no_report, rich_progress
    from agent.show import Screen
    from agent.state import Output

    context = Context(
        max_rounds=0 if chosen.no_revise else chosen.rounds, revise="rewrite" if chosen.rewrite else "edits"
    )
    with rich_progress() as report:
        agent = build_agent(profile=chosen.model, base_url=chosen.base_url, report=no_report if chosen.json else report)
        screen = None if chosen.json else Screen()
        result: dict[str, Any] = {}
        stream = agent.stream(
            {"messages": [HumanMessage(question)]},
            context=context,
            stream_mode=["custom", "messages", "values"],
            output_keys=list(Output.__annotations__),
            version="v2",
        )
        for part in stream:
            if part["type"] == "values":
                result = dict(part["data"])
            elif screen:
                screen.hear(part)
    if screen:
        screen.result(result)
    else:
        print(json.dumps(as_json(result), ensure_ascii=True, indent=2))
    for warning in result["warnings"]:
        print(f"clinalign: warning: {warning}", file=sys.stderr)
    return 0


def _question(given: str) -> str:
    if given == "-":
        try:
            given = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError:
            raise InputError("standard input is not UTF-8 text: convert it, e.g. with iconv") from None
    if not given.strip():
        raise InputError('the question is empty: write what you want to know, e.g. python -m agent "What is a TSH?"')
    return given


def as_json(result: dict[str, Any]) -> dict[str, Any]:
    """The agent's result with its messages as {role, content}."""
    from agent import NOTICE

    roles = {"human": "user", "ai": "assistant"}
    messages = [{"role": roles.get(m.type, m.type), "content": str(m.text)} for m in result["messages"]]
    return result | {"messages": messages, "notice": NOTICE}
