"""Drafts under one prompt for all and under that of the scenario, as Markdown.

    python -m tests.drafts [--base-url URL] [--model NAME]

Asks the questions of drafts.yaml, some fifteen seconds each on the embedded model. No review: these are drafts.
"""

import argparse
import sys
from pathlib import Path

import yaml
from langchain_core.messages import HumanMessage, SystemMessage
from rich.console import Console
from rich.progress import track

from agent.drafting import messages_for
from agent.llm.client import Model, chat_model
from agent.llm.endpoint import resolve_endpoint
from agent.resources import load_search
from agent.state import DRAFT_TOKENS
from principles.errors import ClinAlignError
from principles.interrupt import leave_on_interrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", metavar="URL", help="an OpenAI-compatible endpoint")
    parser.add_argument("--model", metavar="NAME", help="a profile, or the model's name with --base-url")
    given = parser.parse_args()
    asked = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    try:
        model = Model(chat_model(resolve_endpoint(given.model, given.base_url)))
        search = load_search()
        for question in track(asked["questions"], "drafting", console=Console(stderr=True)):
            before = [SystemMessage(asked["former"]), HumanMessage(question)]
            after = messages_for([{"role": "user", "content": question}], search, model)
            print(f"### {question}\n", flush=True)
            for name, messages in (("before", before), ("after", after)):
                written = model.text(messages, DRAFT_TOKENS, aloud=False)
                print(f"*{name}:*\n\n" + "\n".join(f"> {line}".rstrip() for line in written.splitlines()) + "\n")
    except ClinAlignError as error:
        print(f"clinalign: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    leave_on_interrupt()
    sys.exit(main())
