"""A list of invoices that changes, as pages, and loads of it into a table of the test's own: no network, no dlt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ai_gateway_billing.api.envelope import Origin
from ai_gateway_billing.api.pages import Enough, Listing, Pages
from ai_gateway_billing.invoicing.load import InvoiceLoad
from ai_gateway_billing.invoicing.reading import InvoiceReader
from ai_gateway_billing.outcome import Part
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.rows.stored import Listed
from ai_gateway_billing.rows.tables import columns_of
from support.constants import ACCOUNT, NOW

Item = dict[str, Any]


def invoice(number: int, status: str = "paid", **fields: Any) -> Item:
    amounts = {"amount_due": 100 + number, "amount_paid": 0, "amount_remaining": 0}
    return (
        {"id": f"in_{number}", "created": 1_700_000_000 + number, "status": status, "currency": "usd"}
        | amounts
        | fields
    )


class Book:
    """The API's side: invoices, newest first, and the type that lists each. `before`: acts before the n-th request."""

    def __init__(self, size: int = 50) -> None:
        self.items: list[Item] = []
        self.types: dict[str, str] = {}
        self.size = size
        self.asked: list[tuple[str, int]] = []
        self.before: dict[int, Callable[[], None]] = {}
        self.announces = True

    def add(self, item: Item, kind: str = "usage") -> None:
        self.items.insert(0, item)
        self.types[str(item["id"])] = kind

    def change(self, place: int, **fields: Any) -> None:
        self.items[place] = self.items[place] | fields

    def delete(self, place: int) -> None:
        self.items.pop(place)

    def page(self, kind: str, number: int) -> Item:
        self.asked.append((kind, number))
        self.before.pop(len(self.asked), lambda: None)()
        is_all = kind == "all"
        listed = self.items if is_all else [item for item in self.items if kind == self.types[str(item["id"])]]
        start = (number - 1) * self.size
        paging = {"has_more": start + self.size < len(listed), "page": number, "per_page": self.size}
        total = {"total_count": len(listed)} if self.announces else {}
        return {"invoices": listed[start : start + self.size], "pagination": paging | total}

    def invoice_history(self, account_id: str, kind: str = "all", enough: Enough = lambda _: False) -> Listing:
        """As the client does it."""
        origin = Origin("ai-gateway/billing/invoice-history", account_id, "")
        return Pages(lambda number: self.page(kind, number), origin).read(enough)


class Table:
    """Our side: what loads have stored. `now` is the next load's moment."""

    def __init__(self, book: Book, now: datetime = NOW) -> None:
        self.book, self.now = book, now
        self.rows: dict[str, Item] = {}
        self.state: Any = {"accounts_without_ids": [], "kinds": {}, "newest": {}}
        self.columns = columns_of("invoices", include_sensitive=False)
        self.marks = True

    def listed(self) -> list[Item]:
        newest = max((row["last_listed_at"] for row in self.rows.values()), default=None)
        return [row for row in self.rows.values() if row["last_listed_at"] == newest]

    def load(self, *, anew: bool = False) -> tuple[Part, list[tuple[str, int]]]:
        """One load; returns what came of it and what was asked for."""
        self.book.asked.clear()
        listed = {ACCOUNT: Listed(self.listed()[0]["last_listed_at"], len(self.listed()))} if self.rows else {}
        load = InvoiceLoad(self.columns, self.state, listed, self._stored, {}, marks=self.marks)
        reader = InvoiceReader(self.book)  # type: ignore[arg-type]
        ((job,),) = load.jobs(reader, [ACCOUNT], self.now, anew).values()
        part = load.part(Reading(ACCOUNT, self.now), job())
        for row in part.content.to_pylist() if part.content is not None else ():
            if row.pop("withdrawn"):
                self.rows.pop(row["id"])
            else:
                self.rows[row["id"]] = row
        return part, list(self.book.asked)

    def _stored(self, account_id: str) -> Sequence[Sequence[Any]]:
        names = ("id", "has_surrogate_id", "created", "currency", "description", "amount_due")
        return [[row[name] for name in names] for row in self.rows.values()]
