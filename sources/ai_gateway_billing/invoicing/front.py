"""The newest invoices of an account as a load left them: by these the next one knows where to stop reading.

Kept in dlt's state as text, in the order of the API: 18 letters for an invoice, and no more invoices than three pages
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
_RECORD = 2 * _MARK + 2
_STATES = "~."
"""Open, final."""
_FINAL = frozenset({"paid", "void", "uncollectible"})
_PAGES = 2
"""So many are read at most while nothing on them is new."""

Item = dict[str, Any]


class Known(NamedTuple):
    """What is remembered of an invoice: a mark of its content, its kind, and whether it keeps its status."""

    content: str
    kind: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Front:
    """The newest invoices by their marks, newest first. `count`: how many the account has in all, as stored."""

    invoices: Mapping[str, Known]
    count: int

    def is_enough(self, pages: Sequence[Page]) -> bool:
        """Whether what lies behind these pages is as it was, as far as can be told without reading it.

        The announced total has to fit. Then it is enough to have read a page with nothing but final invoices that are
        as they were; or, while nothing is new, to know that the next page would be one. Invoices without an id are
        never enough.
        """
        items = [item for page in pages for item in page.rows]
        marks = {mark(item) for item in items}
        if not all(item.get("id") for item in items) or pages[-1].total != self.count + len(marks - {*self.invoices}):
            return False
        if all(self.is_known(item) and is_final(item) for item in pages[-1].rows):
            return True
        if not all(map(self.is_known, items)):
            return False
        return len(pages) >= _PAGES or self._continues_final(marks, len(pages[-1].rows))

    def is_known(self, item: Item) -> bool:
        """Whether the invoice is what it was."""
        known = self.invoices.get(mark(item))
        return known is not None and known.content == _content(item)

    def kind(self, item: Item) -> str:
        """The kind of a known invoice."""
        return self.invoices[mark(item)].kind

    def moved_on(self, items: Iterable[Item], kinds: Mapping[str, str]) -> "Front":
        """The front with these, of the kinds by their keys, before the others."""
        found = {mark(item): _known(item, kinds[invoice_kinds.key(item)]) for item in items}
        return Front({**found, **{name: each for name, each in self.invoices.items() if name not in found}}, self.count)

    def as_text(self) -> str:
        """As it is kept: only the newest."""
        newest = list(self.invoices.items())[:SIZE]
        letters = {kind: letter for letter, kind in invoice_kinds.OF_LETTER.items()}
        return "".join(f"{name}{each.content}{letters[each.kind]}{_STATES[each.is_final]}" for name, each in newest)

    def _continues_final(self, read: set[str], length: int) -> bool:
        """Whether as many as a page holds, or all that are left, follow, and none of them is open."""
        rest = [known.is_final for name, known in self.invoices.items() if name not in read][:length]
        return all(rest) and (len(rest) == length or len(read) + len(rest) == self.count)


def from_text(text: str, count: int) -> Front:
    """The front that was kept."""
    records = [text[at : at + _RECORD] for at in range(0, len(text), _RECORD)]
    kinds = invoice_kinds.OF_LETTER
    known = {each[:_MARK]: Known(each[_MARK:-2], kinds[each[-2]], each[-1] == _STATES[True]) for each in records}
    return Front(known, count)


def mark(item: Item) -> str:
    """What an invoice is known by, in short. Two that share one are taken for a changed one, and the total differs."""
    return _digest(invoice_kinds.key(item))


def is_final(item: Item) -> bool:
    """Whether its status is one of those that an invoice keeps."""
    return str(item.get("status")).lower() in _FINAL


def _known(item: Item, kind: str) -> Known:
    return Known(_content(item), kind, is_final(item))


def _content(item: Item) -> str:
    """Links are made anew each time, so they do not count."""
    return _digest(unknown.as_json(dict(sorted(unknown.redacted(item).items()))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_MARK]
