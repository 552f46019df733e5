"""What a load did and what it failed to do, account by account and resource by resource."""

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal, NamedTuple

from .errors import BillingError, RecordError, UnforeseenError

log = logging.getLogger(__name__)

Status = Literal["ok", "partial", "failed", "skipped"]
Kinds = Mapping[str, Mapping[str, str]]
"""Table -> column -> type, by dlt's names."""
STILL_LOADED = "; its row is loaded all the same"
"""How a reason ends that cost no row: `check` then warns where it would find an error."""


class Quarantined(NamedTuple):
    """A raw item that could not be loaded: JSON text without secrets, and the reason."""

    account_id: str
    resource: str
    field: str
    reason: str
    payload: str


class Rejected(NamedTuple):
    """An item that breaks the contract, and the JSON text of it that may be kept."""

    error: RecordError
    payload: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one answer, or one window of usage, of an account came to.

    `content`: what goes on to dlt. `rows`: how many, by table. `told`: fields that are not as documented and cost no
    row. `skipped`: why there was nothing to load, which is no failure. `unknown`: columns of fields that the contract
    does not know. `error`: nothing could be read, or, beside content, not all.
    """

    content: Any = None
    rows: Mapping[str, int] = field(default_factory=dict)
    rejected: Sequence[Rejected] = ()
    told: Sequence[Rejected] = ()
    skipped: str | None = None
    unknown: Kinds = field(default_factory=dict)
    error: BillingError | None = None

    @property
    def failure(self) -> BillingError | None:
        """Why the part is not, or not whole, what the API holds."""
        return self.error or next((each.error for each in self.rejected), None)

    @property
    def is_loaded(self) -> bool:
        """Whether the API's word was taken over, at least in part; that there is nothing counts."""
        return self.failure is None or any(self.rows.values())


@dataclass(slots=True)
class Outcome:
    """How one resource of one account went. `skipped` gives the reason why there was nothing to load.

    `is_loaded`: something of it was, be it only that there is nothing.
    """

    status: Status = "ok"
    error: BillingError | None = None
    skipped: str | None = None
    is_loaded: bool = False


class Progress(NamedTuple):
    """How many steps (windows or requests) of one account's resource went well, of those planned; or that it failed."""

    account_id: str
    resource: str
    done: int
    planned: int
    failed: bool = False


class Outcomes:
    """Collects what every part came to while a source is read. Thread-safe.

    `listener` is told the progress; `on_failure` account, resource and error of each that fails.
    """

    def __init__(
        self,
        listener: Callable[[Progress], None] = lambda _: None,
        on_failure: Callable[[str, str, BillingError], None] = lambda *_: None,
    ) -> None:
        self.of: dict[tuple[str, str], Outcome] = {}
        self.rows: Counter[str] = Counter()
        self.quarantined: list[Quarantined] = []
        self.new_fields: dict[tuple[str, str], str] = {}
        self._listener = listener
        self._on_failure = on_failure
        self._steps: dict[tuple[str, str], tuple[int, int]] = {}
        self._told: set[tuple[str, ...]] = set()
        self._lock = Lock()

    def plan(self, resource: str, steps: Mapping[str, int]) -> None:
        """Announce how many parts the resource of each account will have."""
        for account_id, count in steps.items():
            self.of[account_id, resource] = Outcome(is_loaded=not count)
            self._progress(account_id, resource, 0, count)

    def take(self, account_id: str, resource: str, part: Part) -> None:
        """Write down what a part came to. The first failure of a resource is the one that is told."""
        with self._lock:
            outcome = self.of.setdefault((account_id, resource), Outcome())
            outcome.is_loaded |= part.is_loaded
            self._count(account_id, part)
            failure = part.failure
            if failure is None:
                if part.skipped:
                    outcome.status, outcome.skipped = "skipped", part.skipped
            elif outcome.error is None:
                is_partial = part.error is not None and part.content is not None
                outcome.status, outcome.error = "partial" if is_partial else "failed", failure
                self._on_failure(account_id, resource, failure)
            done, planned = self._steps.get((account_id, resource), (0, 1))
            self._progress(account_id, resource, done + (failure is None), planned)

    def failures(self) -> dict[tuple[str, str], BillingError]:
        """Every failed account and resource with its error."""
        return {key: outcome.error for key, outcome in self.of.items() if outcome.error is not None}

    def error_of_all(self, resource: str, account_ids: Iterable[str]) -> BillingError | None:
        """The first account's error, when the resource could be loaded for none of them."""
        errors = [outcome.error for outcome in (self.of.get((each, resource)) for each in account_ids) if outcome]
        return errors[0] if errors and all(errors) else None

    def _count(self, account_id: str, part: Part) -> None:
        self.rows.update(part.rows)
        for error, payload in part.rejected:
            self.quarantined.append(Quarantined(account_id, error.resource, error.field, error.reason, payload))
        for error, payload in part.told:
            self._tell(Quarantined(account_id, error.resource, error.field, error.reason + STILL_LOADED, payload))
        for table, columns in part.unknown.items():
            for name, kind in columns.items():
                self.new_fields.setdefault((table, name), kind)

    def _tell(self, item: Quarantined) -> None:
        self.quarantined.append(item)
        if item[:-1] not in self._told:
            log.warning("%s of account %s: field %s %s", item.resource, item.account_id, item.field, item.reason)
        self._told.add(item[:-1])

    def _progress(self, account_id: str, resource: str, done: int, planned: int) -> None:
        self._steps[account_id, resource] = done, planned
        self._listener(Progress(account_id, resource, done, planned, self.of[account_id, resource].status == "failed"))


def failure(error: Exception) -> BillingError:
    """The error as one of ours.

    Of one that nobody foresaw nothing is quoted, as it may quote an answer; its name and place go to the debug log.
    """
    if isinstance(error, BillingError):
        return error
    place = "".join(traceback.format_tb(error.__traceback__, limit=-8))
    log.debug("Unexpected %s at\n%s", type(error).__qualname__, place)
    return UnforeseenError(
        "Reading it ended with an unexpected error, so it stays as it was. "
        "Report this with the output of --log-level debug."
    )
