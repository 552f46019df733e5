"""Every account's invoices as Arrow tables for dlt, and what of them is remembered for the next load."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict

from ai_gateway_billing import turns
from ai_gateway_billing.outcome import Part
from ai_gateway_billing.rows import arrow, invoices, unknown, versions
from ai_gateway_billing.rows.fields import Columns
from ai_gateway_billing.rows.invoice_kinds import Told
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.stored import Listed

from . import front
from .front import Front
from .reading import InvoiceReader, Read


class Remembered(TypedDict):
    """The newest invoices of an account, and what made rows of them: other columns need all of them again."""

    columns: str
    newest: str


class State(TypedDict):
    """What dlt keeps between loads, by account."""

    accounts_without_ids: list[str]
    kinds: dict[str, Told]
    newest: dict[str, Remembered]


@dataclass
class InvoiceLoad:
    """Reads all invoices of an account when it is its turn, and whenever something does not fit; else the newest.

    `listed`: how many invoices each account has by the last whole list, and when that was; an account without an entry
    is read wholly. `stored`: an account's invoices as stored. `marks`: whether rows may mark what is gone. `elapsed`:
    since the load before.
    """

    columns: Columns
    state: State
    listed: Mapping[str, Listed]
    stored: Callable[[str], Sequence[Sequence[Any]]]
    seen_types: dict[str, str]
    marks: bool
    elapsed: timedelta = turns.EVERY
    _fronts: dict[str, Front] = field(default_factory=dict)

    def jobs(
        self, reader: InvoiceReader, account_ids: Collection[str], now: datetime, anew: bool
    ) -> dict[str, list[Callable[[], Read]]]:
        """What is to be asked for each account: everything where it is `anew`."""
        last = {each: self.listed[each].at for each in account_ids if each in self.listed}
        due = turns.due(last, len(account_ids), now, self.elapsed)
        wanted = [] if anew or not self.marks else [each for each in account_ids if each not in due]
        self._fronts = {each: found for each in wanted if (found := self._front(each))}
        kinds = self.state["kinds"]
        return {id_: [partial(reader.read, id_, kinds.get(id_), self._fronts.get(id_))] for id_ in account_ids}

    def part(self, reading: Reading, read: Read) -> Part:
        """One account's answer as a table; what it says is remembered unless something of it is wrong."""
        account_id, listed = reading.account_id, read.listed
        is_whole = listed.is_whole and not listed.problem
        if not is_whole and account_id in self.listed:  # to be as old as the others, which were not read, keeps them
            reading = replace(reading, now=self.listed[account_id].at)
        rows, refused = invoices.read(self._news(account_id, read), reading, read.kinds)
        rows, gone = self._joined(account_id, rows)
        table = arrow.open_table(rows + self._markers(reading, gone), self.columns, self.seen_types)
        self._remember(account_id, read, is_exact=not (listed.problem or refused or reading.told))
        return Part(
            table if rows or gone or listed.is_whole else None,
            {"invoices": len(rows)},
            [unknown.rejected(error, item) for error, item in refused],
            reading.unreadable(),
            unknown={"invoices": arrow.not_hinted(table, self.columns)},
            error=listed.problem,
        )

    def _front(self, account_id: str) -> Front | None:
        kept, listed = self.state["newest"].get(account_id), self.listed.get(account_id)
        if kept is None or listed is None or account_id in self.state["accounts_without_ids"]:
            return None
        return None if kept["columns"] != self._form else front.from_text(kept["newest"], listed.invoices)

    def _news(self, account_id: str, read: Read) -> Sequence[Any]:
        if read.listed.is_whole:
            return read.listed
        return [item for item in read.listed if not self._fronts[account_id].is_known(item)]

    def _joined(self, account_id: str, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Invoices without an id under the ids that they have here."""
        without_ids = self.state["accounts_without_ids"]
        if account_id not in without_ids and not any(row["has_surrogate_id"] for row in rows):
            return rows, []
        without_ids[:] = sorted({*without_ids, account_id})
        return invoices.joined(rows, self.stored(account_id))

    def _markers(self, reading: Reading, gone: Sequence[str]) -> list[Row]:
        marker = versions.withdrawn(reading.account_id, "invoices", reading.now)
        return [marker | {"id": each} for each in gone if self.marks]

    def _remember(self, account_id: str, read: Read, *, is_exact: bool) -> None:
        """Nothing, so that all is read again, when a row was not made or not as it was sent."""
        self.state["kinds"][account_id] = read.told
        self.state["newest"].pop(account_id, None)
        if is_exact:
            old = Front({}, 0) if read.listed.is_whole else self._fronts[account_id]
            newest = old.moved_on(read.listed, read.kinds).as_text()
            self.state["newest"][account_id] = {"columns": self._form, "newest": newest}

    @property
    def _form(self) -> str:
        return hashlib.sha256(",".join(self.columns).encode()).hexdigest()[:8]
