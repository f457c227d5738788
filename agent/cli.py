"""`python -m agent`: ask one question in a terminal and see the draft, its review and the answer."""

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.llm.adapter import named_adapter
from agent.llm.profiles import DEFAULT_PROFILE, PROFILES
from principles.errors import ClinAlignError, InputError

EPILOG = f"""
`python -m agent serve --help` tells how other programs ask by OpenAI's API.
Without --base-url and CLINALIGN_BASE_URL, a small Qwen model is fetched once and run on this machine
(profiles: {", ".join(PROFILES)}; default {DEFAULT_PROFILE}). --adapter and CLINALIGN_ADAPTER add a LoRA to it,
as `python -m training export` makes it: choose the profile that it was trained on. Exit status: 0 an answer, 2 an
error that the message explains, 130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m agent", description=__doc__, epilog=EPILOG)
    made.add_argument("question", help="the question in quotes, or - to read it from standard input")
    made.add_argument(
        "--draft", metavar="FILE", help="review and mend this answer to the question, instead of drafting one"
    )
    made.add_argument("--json", action="store_true", help="print the whole result as one JSON object, and nothing else")
    made.add_argument("--rounds", type=int, default=1, metavar="N", help="most rounds of revision (default 1)")
    made.add_argument("--no-revise", action="store_true", help="draft and grade only, the same as --rounds 0")
    made.add_argument("--rewrite", action="store_true", help="revise by rewriting, for a strong model")
    made.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="time for all that the model is asked; what is done by then is shown, and said to be unfinished",
    )
    made.add_argument(
        "--model",
        metavar="NAME",
        help="what to run here: a profile, a .gguf file, or owner/repository[:quant] of the Hugging Face hub; with "
        "--base-url, the model's name there",
    )
    made.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint, e.g. http://localhost:8000/v1")
    made.add_argument(
        "--adapter",
        type=Path,
        metavar="FILE",
        help="a LoRA of your own training, as GGUF, for the model that runs here",
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["serve"]:
            # By name: the server rests on the agent, and not the other way round.
            return int(import_module("agent.serve.command").serve(given[1:]))
        chosen = parser().parse_args(given)
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
    if chosen.question == chosen.draft == "-":
        raise InputError("question and draft cannot both be read from standard input: give one of them otherwise")
    question = _question(chosen.question)
    adapter = chosen.adapter or named_adapter()
    if adapter:
        from agent.llm.endpoint import embedded_name

        print(f"clinalign: {embedded_name(chosen.model, chosen.base_url, adapter)} answers", file=sys.stderr)
    draft = None if chosen.draft is None else _draft(chosen.draft)
    # Seconds of imports: not before the question is known to be one, and the help not at all.
    from langchain_core.messages import HumanMessage

    from agent import Context, build_agent
    from agent.llm.progress import no_report, rich_progress
    from agent.show import Screen
    from agent.state import Input, Output
    from agent.told import as_json

    given: Input = {"messages": [HumanMessage(question)]}
    if draft is not None:
        given["draft"] = draft
    context = Context(
        max_rounds=0 if chosen.no_revise else chosen.rounds,
        revise="rewrite" if chosen.rewrite else "edits",
        timeout_s=chosen.timeout,
    )
    with rich_progress() as report:
        agent = build_agent(
            profile=chosen.model,
            base_url=chosen.base_url,
            report=no_report if chosen.json else report,
            adapter=adapter,
        )
        screen = None if chosen.json else Screen()
        result: dict[str, Any] = {}
        stream = agent.stream(
            given,
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
        given = _read(given)
    if not given.strip():
        raise InputError('the question is empty: write what you want to know, e.g. python -m agent "What is a TSH?"')
    return given


def _draft(name: str) -> str:
    if not (draft := _read(name)).strip():
        raise InputError("the draft is empty: give the answer that is to be reviewed")
    return draft


def _read(name: str) -> str:
    """The text of a file, or of standard input where the name is -."""
    where = "standard input" if name == "-" else name
    try:
        return (sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read {where}: {error.strerror}") from None
    except ValueError:  # not UTF-8, or a name with a NUL
        raise InputError(f"{where} is not UTF-8 text: convert it, e.g. with iconv") from None
