"""A turn being answered: what the agent tells goes into the turn, which can be shown at any time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from agent.graph import Agent
from agent.run import parts_of
from agent.state import Context
from ui.chat.turn import Conversation, Turn
from ui.common.failures import explained
from ui.common.html import Markup

# A page that is drawn anew for each token of ten people at once would do nothing else.
DRAWN_EVERY_S = 0.1
Setup = Callable[[], tuple[Agent, Context]]


async def answering(conversation: Conversation, setup: Setup) -> AsyncGenerator[Turn, None]:
    """The last turn, again and again while it is answered; closing the iterator stops the work, as `stopped` does.

    `setup` gives the agent and the settings; what it raises is told like any other failure. Nothing is yielded
    where there is nothing to answer.
    """
    turn = conversation.last
    if turn is None or turn.status != "waiting":
        return
    turn.status = "running"
    yield turn
    try:
        # Closed at once, and not when the garbage collector comes by: the model works until then.
        async with aclosing(_heard(conversation, turn, setup)) as drawn:
            async for shown in drawn:
                yield shown
        if turn.open:
            turn.status = "done"
    except Exception as error:  # noqa: BLE001 - the page shows any failure, in words that quote nothing
        turn.status, turn.failure = "failed", Markup(explained(error))
    finally:
        stopped(turn)
    yield turn


async def _heard(conversation: Conversation, turn: Turn, setup: Setup) -> AsyncGenerator[Turn, None]:
    agent, context = await asyncio.to_thread(setup)
    asked = [*conversation.messages(), {"role": "user", "content": turn.question}]
    drawn = 0.0
    async with aclosing(parts_of(agent, asked, context)) as parts:
        async for part in parts:
            if not turn.open:
                return  # stopped by the person, perhaps to go on with something else
            if part:
                turn.trace.hear(part)
            now = time.monotonic()
            if part is None or part["type"] != "messages" or now - drawn >= DRAWN_EVERY_S:
                drawn = now
                yield turn


def stopped(turn: Turn) -> None:
    """No stage of the turn is at work any more."""
    turn.trace.stop()
    if turn.open:
        turn.status = "stopped"
