"""The chat's page over a scripted model: the same questions, principle and judge for all of its tests."""

import asyncio
import re
from typing import Any

from agent.resources import Resources
from agent.service import Service
from agent.state import Context
from tests.fakes import FixedRetriever, ScriptedChat, principle, reader
from ui.chat.answering import answering
from ui.chat.turn import Conversation, Turn

QUESTION = "Can I rest a while with zanzibar tea?"
MENDED = "Rest a while. Leave the sweet spread out."
JAM = principle("jam", points=-8, safety_critical=True, advice="Leave the sweet spread out.")


def service(model: ScriptedChat, *principles: Any) -> Service:
    retriever: Any = FixedRetriever(*(principles or (JAM,)))
    return Service(Resources(given_model=model, given_retriever=retriever))


def answered(
    served: Service, talk: Conversation | None = None, question: str = QUESTION, look: Any = lambda turn: None
) -> Conversation:
    """The conversation with one more question, answered; `look` is called each time that the page is drawn."""
    talk = talk or Conversation()

    async def drawn() -> None:
        async for turn in answering(talk, lambda: (served.agent(), Context())):
            look(turn)

    talk.ask(question)
    asyncio.run(drawn())
    return talk


def mended(draft: str = "Rest a while. Eat jam daily.") -> Turn:
    """An answer in which the fault is mended."""
    last = answered(service(ScriptedChat(draft=draft, chance=reader))).last
    assert last is not None
    return last


def words(html: str) -> str:
    """What a person reads of it, cells of a table with bars between."""
    cells = re.sub(r"</t[hd]>", " | ", str(html))
    text = re.sub(r"<[^>]+>", " ", cells)
    for name, character in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(name, character)
    return " ".join(text.split())
