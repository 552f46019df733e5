"""The columns that tables of answers share: names of accounts, figures, bars, totals and what is missing of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing_pipeline.answers import columns
from ai_gateway_billing_pipeline.answers.questions import Answer
from ai_gateway_billing_pipeline.database.scope import Account, Asked, Scope
from support.constants import ACCOUNT, OTHER

Row = Mapping[str, Any]


def account(name: str | None, account_id: str = ACCOUNT) -> Account:
    return Account(account_id, name, None, "USD", None, is_gone=False)


def answer(*rows: Row, totals: tuple[Row, ...] = (), accounts: tuple[Account, ...] = (account("Acme"),)) -> Answer:
    filled = [{"account_id": ACCOUNT, "currency": "USD", **row} for row in rows]
    return Answer("daily", Scope(accounts, Asked()), [], filled, [dict(total) for total in totals], len(rows))


@pytest.mark.parametrize(
    ("name", "others", "label"),
    [
        (None, [], ACCOUNT),
        ("Research", [], "Research"),
        ("  two\n words ", [], "two words"),
        ("x" * 50, [], "x" * 31 + "…"),
        ("Same", ["Same"], "Same (aaaaaaaa)"),
        ("x" * 50, ["x" * 50], "x" * 20 + "… (aaaaaaaa)"),
    ],
)
def test_an_account_is_called_by_its_name_or_id(name: str | None, others: list[str], label: str) -> None:
    own = account(name)

    assert columns.label(own, [own, *(account(other, OTHER) for other in others)]) == label


def test_accounts_have_a_column_only_where_there_are_several() -> None:
    one, two = account("Acme"), account("Bolt", OTHER)

    assert columns.names_if_several(answer({}, accounts=(one,))) == []
    (column,) = columns.names_if_several(
        answer({"account_id": OTHER}, {}, totals=({"currency": "USD"},), accounts=(one, two))
    )
    assert (column.cells, column.totals) == (["Bolt", "Acme"], [""])


@pytest.mark.parametrize(
    ("value", "words"), [(None, "unknown"), (0, "0"), (1234567, "1,234,567"), (Decimal("1234.50"), "1,234.50")]
)
def test_a_figure_has_all_its_digits(value: Decimal | int | None, words: str) -> None:
    assert columns.number(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "unknown"), (datetime(2026, 11, 22, 10, 30, 59, tzinfo=UTC), "2026-11-22 10:30")]
)
def test_a_moment_is_told_to_the_minute(value: datetime | None, words: str) -> None:
    assert columns.moment(value) == words


def test_amounts_have_totals_only_where_they_may_be_summed() -> None:
    given = answer({"spend": Decimal(1), "left": None}, totals=({"currency": "USD", "spend": Decimal(1)},))

    assert columns.amounts("spend", given, "spend").totals == ["1.00"]
    assert (columns.amounts("left", given, "left").cells, columns.amounts("left", given, "left").totals) == (
        ["unknown"],
        [""],
    )


def test_bars_are_shares_of_the_largest_in_the_same_currency() -> None:
    given = answer(
        {"amount": Decimal(5)},
        {"amount": Decimal(10)},
        {"amount": None},
        {"amount": Decimal(300), "currency": "JPY"},
        {"amount": Decimal(0), "currency": "EUR"},
    )

    assert columns.shares(given, "amount").shares == [Decimal("0.5"), Decimal(1), None, Decimal(1), Decimal(0)]


def test_a_total_says_where_something_is_missing_in_it() -> None:
    given = answer(
        {"amount": Decimal(5)},
        {"amount": None, "currency": "EUR"},
        totals=({"currency": "USD"}, {"currency": "EUR"}),
    )

    assert columns.remarks(["", ""], given, "amount").totals == ["", "of what is known"]
