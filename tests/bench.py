"""`make bench`: speed and size of the agent on this machine, written to docs/bench.md.

    python -m tests.bench [--cold] [--only NAME ...]

Ratios are of one run on one machine; nothing else should be running. `--cold` also clones the repository
into an empty folder with an empty cache and times `make ask` from nothing.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from langchain_core.messages import SystemMessage

from agent import build_agent
from agent.conversation import as_messages
from agent.critic.judge import ModelJudge
from agent.llm.client import Model, chat_model
from agent.llm.endpoint import resolve_endpoint
from agent.prompts import prompt
from agent.scenario.classifier import load_classifier
from agent.state import DRAFT_TOKENS
from principles.files import write_atomic
from principles.rubric import build_rubric
from retrieval.retriever import load_retriever
from tests.e2e.conftest import OWN_QUESTIONS
from tests.fakes import ScriptedChat
from tests.needs import DATA
from training.judge.simple import SimpleGrader

ROOT = Path(__file__).parents[1]
README_QUESTION = "My mother has stage 4 kidney disease. Which painkillers are safe for her?"
Rows = list[tuple[str, str, str]]


def questions(count: int) -> list[str]:
    """Patients' questions (K-QA) where the data folder is there, else our own."""
    path = DATA / "queries_unlabeled.jsonl"
    if not path.exists():
        return list(OWN_QUESTIONS)[:count]
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[7 :: max(1, len(lines) // count)][:count]]


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def overhead() -> Rows:
    """The graph with an instant scripted model, and retrieval alone."""
    retriever = load_retriever()
    classifier = load_classifier(retriever.encoder.encode)
    agent = build_agent(ScriptedChat(), retriever)
    asked = questions(40)
    agent.invoke({"messages": [{"role": "user", "content": asked[0]}]})  # type: ignore[list-item,typeddict-item]
    whole = [seconds(lambda q=q: agent.invoke({"messages": [{"role": "user", "content": q}]})) for q in asked]  # type: ignore[misc]
    scenario = classifier.classify([{"role": "user", "content": asked[0]}])
    # Other words than before: the encoder keeps the vectors of what it has just read.
    search = [seconds(lambda q=q: retriever.retrieve(f"Please: {q}", scenario)) for q in asked]  # type: ignore[misc]
    return [
        ("graph, retrieval, rubric, choice with an instant model, median", f"{median_ms(whole)} ms", "≤ 30 ms"),
        ("retrieval, median", f"{median_ms(search)} ms", "≤ 15 ms"),
    ]


def review() -> Rows:
    """A reviewed answer against the draft alone, on the same server."""
    endpoint = resolve_endpoint()
    agent = build_agent(base_url=endpoint.base_url) if not endpoint.local else build_agent()
    chat = chat_model(endpoint)
    asked = questions(10)
    agent.invoke({"messages": [{"role": "user", "content": "Hello?"}]})  # type: ignore[list-item,typeddict-item]
    ratios, reviewed = [], []
    for question in asked:
        turns = [{"role": "user", "content": question}]
        messages = [SystemMessage(prompt("draft")), *as_messages(turns)]
        alone = seconds(lambda m=messages: Model(chat).text(m, DRAFT_TOKENS))  # type: ignore[misc]
        whole = seconds(lambda t=turns: agent.invoke({"messages": t}))  # type: ignore[misc]
        ratios.append(whole / alone)
        reviewed.append(whole)
        print(f"  draft {alone:.1f} s, reviewed {whole:.1f} s, ratio {whole / alone:.2f}", file=sys.stderr)
    spread = f"{statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})"
    return [
        (f"reviewed answer / draft alone, median of {len(asked)} questions", spread, "≤ 3.0"),
        ("reviewed answer, median", f"{statistics.median(reviewed):.1f} s", ""),
    ]


def verdicts() -> Rows:
    """A verdict by probability on a cached prefix against a JSON verdict with a reason."""
    model = Model(chat_model(resolve_endpoint()))
    turns = [{"role": "user", "content": README_QUESTION}]
    answer = model.text([SystemMessage(prompt("draft")), *as_messages(turns)], DRAFT_TOKENS)
    retriever = load_retriever()
    scenario = load_classifier(retriever.encoder.encode).classify(turns)
    found = retriever.retrieve(README_QUESTION, scenario, 8)
    criteria = build_rubric([one.principle for one in found], turns).criteria
    by_probability, by_json = ModelJudge(model), ModelJudge(model)
    by_json.has_logprobs = False
    by_probability.verdicts(turns, answer, criteria[:1])
    fast = [seconds(lambda c=c: by_probability.verdicts(turns, answer, [c])) for c in criteria[1:]]  # type: ignore[misc]
    slow = [seconds(lambda c=c: by_json.verdicts(turns, answer, [c])) for c in criteria[1:]]  # type: ignore[misc]
    usual = [seconds(lambda c=c: SimpleGrader(model).verdicts(turns, answer, [c])) for c in criteria[1:]]  # type: ignore[misc]
    ratio = statistics.median(usual) / statistics.median(fast)
    short = statistics.median(slow) / statistics.median(fast)
    return [
        ("verdict by probability, cached prefix, median", f"{statistics.median(fast):.2f} s", ""),
        (
            "verdict as JSON with an explanation, as HealthBench is graded, median",
            f"{statistics.median(usual):.2f} s",
            "",
        ),
        ("that / probability", f"{ratio:.1f} ×", "≥ 8 ×"),
        ("verdict as JSON with one short sentence (our fallback), median", f"{statistics.median(slow):.2f} s", ""),
        ("that / probability", f"{short:.1f} ×", ""),
    ]


def command() -> Rows:
    """`make ask` a second time: first token of the draft, and the peak memory of all its processes."""
    with subprocess.Popen(
        ["make", "--silent", "ask", f"Q={README_QUESTION}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        started = time.perf_counter()
        with peak_memory(process.pid) as peak:
            first = _first_token(process) - started
            process.wait()
        whole = time.perf_counter() - started
    return [
        ("`make ask` again, until the first token of the draft", f"{first:.1f} s", "≤ 15 s"),
        ("`make ask` again, whole", f"{whole:.1f} s", ""),
        ("peak memory of all its processes", f"{peak[0] / 2**30:.2f} GiB", "≤ 4 GiB"),
    ]


def _first_token(process: subprocess.Popen[bytes]) -> float:
    """When something other than a line about a stage came on stderr."""
    assert process.stderr is not None
    seen = b""
    found = 0.0
    while piece := os.read(process.stderr.fileno(), 4096):
        seen += piece
        plain = [line for line in seen.decode(errors="replace").splitlines() if line.strip()]
        if not found and any(not line.startswith(("·", "loading", "fetching", "checking", " ")) for line in plain):
            found = time.perf_counter()
    return found


@contextmanager
def peak_memory(pid: int) -> Iterator[list[int]]:
    """The largest sum of proportional set sizes of a process and its descendants, in bytes."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            total = 0
            try:
                root = psutil.Process(pid)
                for one in [root, *root.children(recursive=True)]:
                    total += one.memory_full_info().pss
            except psutil.Error:
                continue
            peak[0] = max(peak[0], total)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def cold() -> Rows:
    """From an empty folder and an empty cache to the first answer."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), f"{folder}/clone"], check=True)
        settings = os.environ | {"CLINALIGN_CACHE": f"{folder}/cache", "PIP_NO_CACHE_DIR": "1"}
        settings.pop("VIRTUAL_ENV", None)
        ask = ["make", "--silent", "ask", f"Q={README_QUESTION}"]
        taken = seconds(lambda: subprocess.run(ask, cwd=f"{folder}/clone", env=settings, check=True))
    return [("from an empty machine to the first answer", f"{taken / 60:.1f} min", "≤ 6 min")]


BENCHES = {"overhead": overhead, "verdicts": verdicts, "review": review, "command": command, "cold": cold}


def machine() -> str:
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next((x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x), model)
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB memory, no GPU used, Python {platform.python_version()}"
    )


def median_ms(values: list[float]) -> str:
    return f"{1000 * statistics.median(values):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="also time `make ask` from an empty machine")
    parser.add_argument("--only", nargs="+", choices=BENCHES, help="run these only and print, without writing the file")
    chosen = parser.parse_args()
    names = chosen.only or [name for name in BENCHES if name != "cold" or chosen.cold]
    lines = [f"Machine: {machine()}.", "", "| what | measured | bar |", "|---|---|---|"]
    for name in names:
        print(f"· {name} …", file=sys.stderr)
        lines += [f"| {what} | {value} | {bar} |" for what, value, bar in BENCHES[name]()]
    table = "\n".join(lines) + "\n"
    print(table)
    if not chosen.only:
        title = "# Speed and size\n\nWritten by `make bench`" + (" with `--cold`" if chosen.cold else "")
        write_atomic(ROOT / "docs" / "bench.md", f"{title} on {time.strftime('%Y-%m-%d')}. Do not edit.\n\n{table}")


if __name__ == "__main__":
    main()
