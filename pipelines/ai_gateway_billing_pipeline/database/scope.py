"""Of which accounts and of which time an answer is."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import SettingsError, redact
from ai_gateway_billing_pipeline.terminal.values import cut

Row = dict[str, Any]

_ACCOUNTS = """
    select account_id as id, account_name as name, cloudflare_name, currency, as_of, is_gone
    from spend.accounts
    order by account_name is null, account_name, account_id
"""
_NAMED_AT_MOST = 10
"""Accounts that a message lists."""
_WORD = 40


class Days(NamedTuple):
    """UTC days from `first` to `last`, both included; None is as far as there is anything."""

    first: date | None = None
    last: date | None = None

    @property
    def bounds(self) -> dict[str, datetime]:
        """The same as instants, the end exclusive."""
        after = self.last + timedelta(days=1) if self.last and self.last < date.max else date.max
        return {
            "first": datetime.combine(self.first or date(1, 1, 1), time(), UTC),
            "until": datetime.combine(after, time(), UTC),
        }

    def __str__(self) -> str:
        named = [f"{word} {day}" for word, day in zip(("from", "to"), self, strict=True) if day]
        return " ".join(named) or "all days"


ALL = Days()


class Asked(NamedTuple):
    """What a command was asked for: accounts by id, name or alias; UTC days, both included; how many periods.

    `now` is when.
    """

    accounts: Sequence[str] = ()
    first: date | None = None
    last: date | None = None
    newest: int | None = None
    now: datetime | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether days were named."""
        return bool(self.first or self.last)


class Account(NamedTuple):
    """An account that is stored. `name`: its alias, else Cloudflare's name; not unique."""

    id: str
    name: str | None
    cloudflare_name: str | None
    currency: str
    as_of: datetime | None
    is_gone: bool

    def is_called(self, word: str) -> bool:
        """Whether a user may mean it: letter case and blanks around are no matter."""
        wanted = word.strip().casefold()
        return wanted in {each.strip().casefold() for each in (self.name, self.cloudflare_name) if each}


class Scope(NamedTuple):
    """The accounts of an answer, and what of time it was asked for."""

    accounts: Sequence[Account]
    asked: Asked

    @property
    def as_of(self) -> datetime | None:
        """When the API last answered for one of the accounts, UTC."""
        return max((each.as_of.astimezone(UTC) for each in self.accounts if each.as_of), default=None)

    @property
    def parameters(self) -> Row:
        """For the queries."""
        asked = self.asked
        return {
            "accounts": [account.id for account in self.accounts],
            "first": asked.first,
            "last": asked.last,
            "count": asked.newest,
        }


def scope(connection: duckdb.DuckDBPyConnection, asked: Asked) -> Scope:
    """The accounts that were asked for; all when none was named. Raises `SettingsError` for one that is not stored."""
    known = [Account(**row) for row in fetch(connection, _ACCOUNTS, {})[1]]
    chosen = {account.id: account for word in asked.accounts for account in _meant(word, known)}
    return Scope(list(chosen.values()) if asked.accounts else known, asked)


def _meant(word: str, known: Sequence[Account]) -> Sequence[Account]:
    if word.strip().lower() == "all":
        return known
    found = [account for account in known if account.id == word.strip().lower()]
    found = found or [account for account in known if account.is_called(word)]
    if len(found) == 1:
        return found
    if found:
        raise SettingsError(
            f"--account {cut(word, _WORD)} is the name of {len(found)} accounts. Give an id: {_listed(found)}."
        )
    held = f"The database contains {_listed(known)}." if known else "The database contains no account yet."
    raise SettingsError(f"--account {cut(word, _WORD)}: no such account. {held}")


def _listed(accounts: Sequence[Account]) -> str:
    """Without mail addresses, as a log may be where this goes."""
    words = [
        f"{each.id} ({cut(redact(each.name), _WORD)})" if each.name else each.id for each in accounts[:_NAMED_AT_MOST]
    ]
    rest = len(accounts) - len(words)
    return ", ".join(words) + (f" and {rest} more" if rest else "")


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Row) -> tuple[list[str], list[Row]]:
    """Names of columns, and rows of the views."""
    used = {name: value for name, value in parameters.items() if f"${name}" in sql}
    cursor = connection.execute(sql, used)
    names = [column[0] for column in cursor.description or []]
    return names, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
