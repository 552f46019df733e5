"""News in words for people: short, with what to do, and nothing in it that a chat would take for a command."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ai_gateway_billing_pipeline.database.checks import Finding

from .news import Kind, News

BODY_BYTES = 1_800
"""Fits into a message of Discord (2,000) and all with more, such as Telegram and ntfy (4,096)."""
_ITEM = 500
_ADVICE = "aig-billing check lists all; with --accept ID it stops reporting one."
_RANK = {"error": 0, "warning": 1, "info": 2}
_WORDS = {"error": "Error", "warning": "Warning", "info": "Note"}
_KINDS = {Kind.NEW: "", Kind.WORSE: ", worse than before", Kind.STILL: ", still there", Kind.OVER: ""}
_CALLS = re.compile(r"@(?=everyone|here|channel)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the findings are: the machine, the database as its user calls it, and names of accounts by id."""

    host: str
    database: str
    names: Mapping[str, str]

    def account(self, account_id: str) -> str:
        """The account as people know it, and its id."""
        name = self.names.get(account_id)
        return f"{name} ({account_id})" if name else account_id


def title(items: Collection[News]) -> str:
    """How many there are of what, in one line."""
    counts = [
        (_many(sum(item.kind is not Kind.OVER and item.finding.severity == severity for item in items), word.lower()))
        for severity, word in _WORDS.items()
    ]
    over = sum(item.kind is Kind.OVER for item in items)
    return "AI Gateway billing: " + ", ".join(filter(None, [*counts, f"{over} resolved" if over else ""]))


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count > 1 else ''}" if count else ""


def body(items: Iterable[News], place: Place, since: Mapping[str, datetime], limit: int = BODY_BYTES) -> str:
    """The worst first, as many as fit into `limit` bytes, and how many more there are."""
    ordered = sorted(items, key=lambda item: (item.kind is Kind.OVER, _RANK[item.finding.severity]))
    head = f"{place.database} on {place.host}"
    paragraphs = [harmless(_told(item, place, since)) for item in ordered]
    shown = len(paragraphs)
    while shown > 1 and len(_joined(head, paragraphs, shown).encode()) > limit:
        shown -= 1
    return _shortened(_joined(head, paragraphs, shown), limit)


def _joined(head: str, paragraphs: list[str], shown: int) -> str:
    more = len(paragraphs) - shown
    rest = [f"… and {more} more."] if more else []
    return "\n\n".join([head, *paragraphs[:shown], *rest, _ADVICE])


def _told(item: News, place: Place, since: Mapping[str, datetime]) -> str:
    found = item.finding
    first = since.get(found.id)
    when = f", since {first:%Y-%m-%d %H:%M} UTC" if first and item.kind is not Kind.NEW else ""
    word = "Resolved" if item.kind is Kind.OVER else f"{_WORDS[found.severity]}{_KINDS[item.kind]}"
    whose = f" for {place.account(found.account_id)}" if found.account_id else ""
    return f"{word}{whose}{when} [{found.id}]: {_shortened(found.finding, _ITEM)}"


def _shortened(text: str, limit: int) -> str:
    """Cut at `limit` bytes, between letters."""
    given = text.encode()
    return text if len(given) <= limit else given[: limit - 3].decode(errors="ignore") + "…"


def harmless(text: str) -> str:
    """The text without what calls everybody in a chat, makes a link or breaks a line: names come from outside."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return _CALLS.sub("@\u200b", printable.replace("<", "‹").replace(">", "›"))


def as_json(items: Collection[News], place: Place, since: Mapping[str, datetime]) -> dict[str, Any]:
    """The object for a plain webhook: the same, for machines."""
    return {
        "status": "findings",
        "title": title(items),
        "host": place.host,
        "database": place.database,
        "findings": [
            {
                "event": item.kind.value,
                **_fields(item.finding),
                "account": place.names.get(item.finding.account_id),
                "first_seen": since.get(item.finding.id),
            }
            for item in items
        ],
    }


def _fields(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("id", "check", "severity", "account_id", "finding")}
