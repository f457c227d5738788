"""How many answers are made at once, and how many may wait for their turn. Beyond that, who asks is sent away."""

import asyncio
import math
import time

from principles.errors import BusyError

# A first guess of what an answer takes, and the bounds of what is asked to be waited.
FIRST_GUESS_S = 20.0
LEAST_WAIT_S, MOST_WAIT_S = 1, 600
# How much the newest answer counts in what an answer takes.
NEWEST = 0.2


class Gate:
    """`at_once` answers are made, `waiting` more wait, first come, first served. For one event loop."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self.at_once = at_once
        self.inside = 0
        self.free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._takes = FIRST_GUESS_S

    def enter(self) -> "Place":
        """A place, which has to be left. Raises BusyError where there is none."""
        if self.inside >= self._most:
            wait = math.ceil(self._takes * self.inside / self.at_once)
            after = min(MOST_WAIT_S, max(LEAST_WAIT_S, wait))
            raise BusyError(f"{self.inside} answers are being made or waited for: ask again in {after} s", after)
        return Place(self)

    def took(self, seconds: float) -> None:
        """Hear how long an answer took."""
        self._takes += NEWEST * (seconds - self._takes)


class Place:
    """A place in the queue and then at work."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._turn: asyncio.Task[bool] | None = None
        self._started = 0.0
        self._left = False
        gate.inside += 1

    async def has_turn(self, within_s: float) -> bool:
        """Whether its turn comes within some seconds; to be asked again where it does not."""
        # One task for all askings: who gave up and asked anew would stand at the end of the queue.
        self._turn = self._turn or asyncio.create_task(self._gate.free.acquire())
        done, _ = await asyncio.wait({self._turn}, timeout=within_s)
        if done:
            self._started = time.monotonic()
        return bool(done)

    def leave(self) -> None:
        """Make room for the next. May be called again."""
        if self._left:
            return
        self._left = True
        self._gate.inside -= 1
        if self._turn is None:
            return
        if self._turn.done():
            self._gate.free.release()
            if self._started:
                self._gate.took(time.monotonic() - self._started)
        else:
            self._turn.cancel()
