"""One run over the API: the client, the accounts, the moment that counts as now, and what came of each answer."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.usage.cursors import Extent
from ai_gateway_billing.usage.windows import Grouping

from . import parallel
from .outcome import Outcomes, Part, failure

WORKERS = 16
"""How many requests may be under way at once. Where answers take no time, one is."""

OTHERS_BEGIN = None
"""Yielded once the first requests of a resource are under way: dlt turns to the next one, whose requests join them."""

Answer = TypeVar("Answer")
Jobs = Mapping[str, Sequence[Callable[[], Answer]]]
"""What is to be asked of each account, in order."""


@dataclass(slots=True, weakref_slot=True)
class Extraction:
    """What all resources of one run share. `strict`: a resource that fails for every account raises its error.

    `names_accounts`: whoever runs it named them, so that nobody listed them. `under_way`: what is being read.
    """

    client: Client
    account_ids: Sequence[str]
    extent: Extent
    groupings: Sequence[Grouping] = ("hour", "day")
    include_sensitive: bool = False
    outcomes: Outcomes = field(default_factory=Outcomes)
    strict: bool = False
    versions_at: datetime | None = None
    coverage: list[Row] = field(default_factory=list)
    usage_under_way: set[Grouping] = field(default_factory=set)
    gaps: list[Row] = field(default_factory=list)
    estimates_under_way: set[str] = field(default_factory=set)
    under_way: set[str] = field(default_factory=set)
    names_accounts: bool = False
    _workers: parallel.Workers = field(init=False)

    def __post_init__(self) -> None:
        self._workers = parallel.Workers(WORKERS, lambda: self.client.answers_at_once)

    def reading(self, account_id: str) -> Reading:
        """What this account's rows depend on besides the answer."""
        return Reading(account_id, self.extent.now, self.include_sensitive)

    def listed(self) -> Collection[str]:
        """The accounts that the API listed; of those that were named instead, the ones that it let be read."""
        if not self.names_accounts:
            return self.account_ids
        return {account_id for (account_id, _), outcome in self.outcomes.of.items() if outcome.is_loaded}

    def seen_until(self) -> datetime:
        """Now, but never later than the API's clock: a wrong one here must not carry a cursor past unread time."""
        return min(self.extent.now, self.client.server_time or self.extent.now)

    @parallel.begun
    def each(
        self,
        resource: str,
        jobs: Jobs[Answer],
        make: Callable[[str, Answer], Part],
        give_up_after: int | None = None,
    ) -> Iterator[Any]:
        """What `make` gives dlt of each job's answer, by account, several jobs at once; None where that failed.

        The first jobs are under way when this returns: those of other resources need not wait for their answers.
        Whatever a job or its answer does is the failure of that account's resource alone, and written down here.
        """
        self.outcomes.plan(resource, {account_id: len(own) for account_id, own in jobs.items()})
        self.under_way.add(resource)
        try:
            found = self._workers.ordered(jobs, give_up_after)
            yield None
            for account_id, answer in found:
                part = _made(partial(make, account_id), answer)
                self.outcomes.take(account_id, resource, part)
                yield account_id, part.content
        finally:
            self.under_way.discard(resource)
        error = self.outcomes.error_of_all(resource, self.account_ids) if self.strict else None
        if error:
            raise error


def _made(make: Callable[[Answer], Part], answer: Answer | Exception) -> Part:
    try:
        return Part(error=failure(answer)) if isinstance(answer, Exception) else make(answer)
    except Exception as error:  # noqa: BLE001 - an answer may do what it likes, the others are loaded
        return Part(error=failure(error))


class Runs:
    """Begins a run when a resource is read for the first time, and another one when it is read again."""

    def __init__(self, begin: Callable[[], Extraction]) -> None:
        self._begin = begin
        self._run: Extraction | None = None
        self._joined: set[str] = set()
        self._lock = Lock()

    def of(self, resource: str) -> Extraction:
        """The run that this reading of the resource belongs to. Raises what `begin` raises."""
        with self._lock:
            if self._run is None or resource in self._joined:
                self._run, self._joined = self._begin(), set()
            self._joined.add(resource)
            return self._run
