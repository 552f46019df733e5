"""The newest invoices of an account as a load left them: by these the next one knows where to stop reading.

Kept in dlt's state as text, in the order of the API: 17 letters for an invoice, and no more invoices than three pages
hold.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ai_gateway_billing.api.pages import Page
from ai_gateway_billing.rows import invoice_kinds, unknown

SIZE = 150
_MARK = 8
_RECORD = 2 * _MARK + 1
_FINAL = frozenset({"paid", "void", "uncollectible"})

Item = dict[str, Any]


class Known(NamedTuple):
    """What is remembered of an invoice: a mark of its content, and its kind."""

    content: str
    kind: str


@dataclass(frozen=True, slots=True)
class Front:
    """The newest invoices by their marks, newest first. `count`: how many the account has in all, as stored."""

    invoices: Mapping[str, Known]
    count: int

    def is_enough(self, pages: Sequence[Page]) -> bool:
        """Whether what lies behind these pages is as it was, as far as can be told without reading it.

        The announced total has to fit. Then the first page is enough while nothing on it is new; where something is, a
        page with nothing but final invoices that are as they were. Invoices without an id are never enough. A change
        behind that is found by the next whole list.
        """
        items = [item for page in pages for item in page.rows]
        fresh = {mark(item) for item in items} - self.invoices.keys()
        if not all(item.get("id") for item in items) or pages[-1].total != self.count + len(fresh):
            return False
        return all(map(self.is_known, items)) or all(self.is_known(it) and is_final(it) for it in pages[-1].rows)

    def is_known(self, item: Item) -> bool:
        """Whether the invoice is what it was."""
        known = self.invoices.get(mark(item))
        return known is not None and known.content == _content(item)

    def kind(self, item: Item) -> str:
        """The kind of a known invoice."""
        return self.invoices[mark(item)].kind

    def moved_on(self, items: Iterable[Item], kinds: Mapping[str, str]) -> "Front":
        """The front with these, of the kinds by their keys, before the others."""
        found = {mark(item): Known(_content(item), kinds[invoice_kinds.key(item)]) for item in items}
        return Front({**found, **{name: each for name, each in self.invoices.items() if name not in found}}, self.count)

    def as_text(self) -> str:
        """As it is kept: only the newest."""
        newest = list(self.invoices.items())[:SIZE]
        letters = {kind: letter for letter, kind in invoice_kinds.OF_LETTER.items()}
        return "".join(f"{name}{each.content}{letters[each.kind]}" for name, each in newest)


def from_text(text: str, count: int) -> Front:
    """The front that was kept."""
    records = [text[at : at + _RECORD] for at in range(0, len(text), _RECORD)]
    known = {each[:_MARK]: Known(each[_MARK:-1], invoice_kinds.OF_LETTER[each[-1]]) for each in records}
    return Front(known, count)


def mark(item: Item) -> str:
    """What an invoice is known by, in short. Two that share one are taken for a changed one, and the total differs."""
    return _digest(invoice_kinds.key(item))


def is_final(item: Item) -> bool:
    """Whether its status is one of those that an invoice keeps."""
    return str(item.get("status")).lower() in _FINAL


def _content(item: Item) -> str:
    """Links are made anew each time, so they do not count."""
    return _digest(unknown.as_json(dict(sorted(unknown.redacted(item).items()))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_MARK]
