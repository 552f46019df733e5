"""Run jobs of several streams at once: in order within a stream, none held up by another's slow ones.

Jobs that wait for nobody run one after another instead: threads would only take the interpreter from each other.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


def ordered(
    pool: Executor,
    streams: Mapping[Key, Sequence[Callable[[], Result]]],
    at_once: int,
    give_up_after: int | None = None,
    is_quick: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Key, Result | Exception]]:
    """Yield `(key, result)` for every job; a stream's results come in its order, exceptions as results.

    At most `at_once` jobs are under way; one alone, in this thread, while they are said to be quick. A stream ends
    early once it has had `give_up_after` exceptions. Closing the iterator cancels what has not started.
    """
    waiting = deque(
        (key, n) for n in range(max(map(len, streams.values()), default=0)) for key in streams if n < len(streams[key])
    )
    running: dict[Future[Result], tuple[Key, int]] = {}
    done: dict[tuple[Key, int], Result | Exception] = {}
    due = dict.fromkeys(streams, 0)
    errors: Counter[Key] = Counter()
    try:
        while waiting or running:
            place, most = (_HERE, 1) if not running and is_quick() else (pool, at_once)
            while waiting and len(running) < most:
                key, n = waiting.popleft()
                if give_up_after is None or errors[key] < give_up_after:
                    running[place.submit(streams[key][n])] = key, n
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                key, n = running.pop(future)
                done[key, n] = result = _outcome(future)
                errors[key] += isinstance(result, Exception)
                while (key, due[key]) in done:
                    yield key, done.pop((key, due[key]))
                    due[key] += 1
    finally:
        for future in running:
            future.cancel()


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
