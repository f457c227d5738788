"""Several pieces of work at a time: most of the time is spent waiting for an endpoint, so threads do."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

AT_A_TIME = 8

T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], items: Sequence[T], local: bool) -> Iterator[R]:
    """What `work` makes of each item as it comes, in no certain order; `work` must not raise.

    `local`: one at a time, which is quickest on the embedded engine and where there is none. Otherwise as many at
    a time as CLINALIGN_CONCURRENCY allows calls, 8 where it is not set. Of what is still to be done only a few are
    begun ahead, so that a caller that stops early waits for no more than those.
    """
    if local:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(_at_a_time()) as pool:
        waiting = iter(items)
        running = {pool.submit(work, one) for one in islice(waiting, _at_a_time())}
        while running:
            finished: set[Future[R]]
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(work, one) for one in islice(waiting, len(finished))}
            for future in finished:
                yield future.result()


def _at_a_time() -> int:
    named = os.environ.get("CLINALIGN_CONCURRENCY", "").strip()
    return int(named) if named.isdigit() and int(named) > 0 else AT_A_TIME  # shared_limits says what is wrong with it
