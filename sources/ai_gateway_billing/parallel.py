"""Run jobs of several streams at once: in order within a stream, none held up by another's slow ones.

Jobs that wait for nobody run one after another instead: threads would only take the interpreter from each other.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import wraps
from typing import Any, ParamSpec

Streams = Mapping[Any, Sequence[Callable[[], Any]]]
P = ParamSpec("P")


def begun(generator: Callable[P, Iterator[Any]]) -> Callable[P, Iterator[Any]]:
    """It runs to its first `yield` when it is called, and not when it is asked; what that yields nobody gets."""

    @wraps(generator)
    def begin(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        made = generator(*args, **kwargs)
        next(made)
        return made

    return begin


@begun
def ordered(
    pool: Executor,
    streams: Streams,
    at_once: int,
    give_up_after: int | None = None,
    is_quick: Callable[[], bool] = lambda: False,
) -> Iterator[Any]:
    """Yield `(key, result)` for every job; a stream's results come in its order, exceptions as results.

    At most `at_once` jobs are under way, the first of them before anybody asks for a result; one alone, in this thread,
    while they are said to be quick. A stream ends early once it has had `give_up_after` exceptions. Closing the
    iterator cancels what has not started.
    """
    jobs = _Jobs(streams, give_up_after)
    try:
        if not is_quick():
            jobs.send(pool, at_once)
        yield None
        while jobs.waiting or jobs.running:
            if not is_quick():
                jobs.send(pool, at_once)
            elif not jobs.running:
                jobs.send(_HERE, 1)
            yield from jobs.results()
    finally:
        for future in jobs.running:
            future.cancel()


class _Jobs:
    """Those that wait, those that are under way, and results that have to wait for an earlier one of their stream."""

    def __init__(self, streams: Streams, give_up_after: int | None) -> None:
        longest = max(map(len, streams.values()), default=0)
        self.waiting = deque((key, n) for n in range(longest) for key in streams if n < len(streams[key]))
        self.running: dict[Future[Any], tuple[Hashable, int]] = {}
        self._streams = streams
        self._give_up_after = give_up_after
        self._done: dict[tuple[Hashable, int], Any] = {}
        self._due = dict.fromkeys(streams, 0)
        self._errors: Counter[Hashable] = Counter()

    def send(self, place: Executor, most: int) -> None:
        """Have as many under way as there may be."""
        while self.waiting and len(self.running) < most:
            key, n = self.waiting.popleft()
            if self._give_up_after is None or self._errors[key] < self._give_up_after:
                self.running[place.submit(self._streams[key][n])] = key, n

    def results(self) -> Iterator[tuple[Hashable, Any]]:
        """What is next in a stream, once at least one job has ended."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            key, n = self.running.pop(future)
            self._done[key, n] = result = _outcome(future)
            self._errors[key] += isinstance(result, Exception)
            while (key, self._due[key]) in self._done:
                yield key, self._done.pop((key, self._due[key]))
                self._due[key] += 1


class _Here(Executor):
    """Runs a job at once, in the thread that hands it in."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as a thread of a pool does it
            future.set_exception(error)
        return future


_HERE = _Here()


def _outcome(future: Future[Any]) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return error
    raise error
