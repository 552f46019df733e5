"""Run jobs of several streams at once: in order within a stream, none held up by another's slow ones.

Jobs that wait for nobody run one after another instead: threads would only take the interpreter from each other.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from functools import wraps
from threading import RLock
from typing import Any, ParamSpec

Streams = Mapping[Any, Sequence[Callable[[], Any]]]
P = ParamSpec("P")
_HELD = 64
"""Results that wait for their reader: beyond that, no more of its jobs are handed in."""


def begun(generator: Callable[P, Iterator[Any]]) -> Callable[P, Iterator[Any]]:
    """It runs to its first `yield` when it is called, and not when it is asked; what that yields nobody gets."""

    @wraps(generator)
    def begin(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        made = generator(*args, **kwargs)
        next(made)
        return made

    return begin


class Workers:
    """Threads for the jobs of several readers. While one of these waits for its results, the jobs of all go on.

    `at_once`: how many jobs may be under way. `is_quick`: whether they wait for nobody at present.
    """

    def __init__(self, at_once: int, is_quick: Callable[[], bool] = lambda: False) -> None:
        self._at_once = at_once
        self._is_quick = is_quick
        self._threads = ThreadPoolExecutor(at_once, "ai-gateway-billing")
        self._readers: list[_Jobs] = []
        self._lock = RLock()  # readers may be in threads of their own, and end while this thread holds it

    @begun
    def ordered(self, streams: Streams, give_up_after: int | None = None) -> Iterator[Any]:
        """Yield `(key, result)` for every job; a stream's results come in its order, exceptions as results.

        The first jobs are under way before anybody asks for a result; while they are quick, one alone is, in this
        thread. A stream ends early once it has had `give_up_after` exceptions. Closing the iterator cancels what has
        not started.
        """
        jobs = _Jobs(streams, give_up_after)
        with self._lock:
            self._readers.append(jobs)
            if not self._is_quick():
                jobs.send(self._threads, self._at_once)
        try:
            yield None
            while self._go_on(jobs):
                while jobs.due:
                    yield jobs.due.popleft()
        finally:
            with self._lock:
                self._readers.remove(jobs)
                for future in jobs.running:
                    future.cancel()

    def _go_on(self, jobs: "_Jobs") -> bool:
        """Whether there is more. Unless it is there, hand in what may be and wait for a job of whichever reader."""
        with self._lock:
            if jobs.due or not (jobs.waiting or jobs.running):
                return bool(jobs.due)
            if not self._is_quick():
                for each in self._readers:
                    each.send(self._threads, self._at_once)
            elif not jobs.running:
                jobs.send(_HERE, 1)
            running = {future for each in self._readers for future in each.running}
        ended = wait(running, return_when=FIRST_COMPLETED).done
        with self._lock:
            for each in self._readers:
                each.take(ended)
        return True


class _Jobs:
    """Those that wait, those that are under way, and their results: due, or behind an earlier one of their stream."""

    def __init__(self, streams: Streams, give_up_after: int | None) -> None:
        longest = max(map(len, streams.values()), default=0)
        self.waiting = deque((key, n) for n in range(longest) for key in streams if n < len(streams[key]))
        self.running: dict[Future[Any], tuple[Hashable, int]] = {}
        self.due: deque[tuple[Hashable, Any]] = deque()
        self._streams = streams
        self._give_up_after = give_up_after
        self._done: dict[tuple[Hashable, int], Any] = {}
        self._next = dict.fromkeys(streams, 0)
        self._errors: Counter[Hashable] = Counter()

    def send(self, place: Executor, most: int) -> None:
        """Have as many under way as there may be, unless nobody has asked for results for long."""
        while self.waiting and len(self.running) < most and len(self._done) + len(self.due) < _HELD:
            key, n = self.waiting.popleft()
            if self._give_up_after is None or self._errors[key] < self._give_up_after:
                self.running[place.submit(self._streams[key][n])] = key, n

    def take(self, ended: set[Future[Any]]) -> None:
        """Note what came of those of them that are its own."""
        for future in ended & self.running.keys():
            key, n = self.running.pop(future)
            self._done[key, n] = result = _outcome(future)
            self._errors[key] += isinstance(result, Exception)
            while (key, self._next[key]) in self._done:
                self.due.append((key, self._done.pop((key, self._next[key]))))
                self._next[key] += 1


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
