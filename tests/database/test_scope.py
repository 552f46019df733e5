"""Which accounts an answer is of: by id, name or alias; one that is not stored is told, and which are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database.scope import Asked, scope
from support.constants import ACCOUNT, OTHER
from support.raw_tables import database, named, used
from support.spending import two_accounts


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with two_accounts(tmp_path) as connection:
        yield connection


def chosen(connection: duckdb.DuckDBPyConnection, *words: str) -> list[str]:
    return [account.id for account in scope(connection, Asked(words)).accounts]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], [OTHER, ACCOUNT]),
        (["all"], [OTHER, ACCOUNT]),
        ([ACCOUNT], [ACCOUNT]),
        ([ACCOUNT.upper()], [ACCOUNT]),
        (["Research"], [ACCOUNT]),
        ([" research "], [ACCOUNT]),
        (["ANN@example.com's account"], [ACCOUNT]),
        (["Production", "Research", OTHER], [OTHER, ACCOUNT]),
    ],
)
def test_an_account_is_named_by_id_name_or_alias(
    connection: duckdb.DuckDBPyConnection, words: Sequence[str], ids: Sequence[str]
) -> None:
    assert chosen(connection, *words) == ids


@pytest.mark.parametrize("word", ["c" * 32, "Researc", "%", "' or 1=1 --", "x" * 5000])
def test_an_account_that_is_not_stored_is_told_with_those_that_are(
    connection: duckdb.DuckDBPyConnection, word: str
) -> None:
    with pytest.raises(SettingsError) as error:
        chosen(connection, word)

    assert "no such account" in str(error.value)
    assert f"The database contains {OTHER} (Production), {ACCOUNT} (Research)." in str(error.value)


def test_a_name_that_two_accounts_have_asks_for_the_id(tmp_path: Path) -> None:
    names = [named(ACCOUNT, "Same"), named(OTHER, "Other", "same")]
    with two_accounts(tmp_path, account_names=names) as connection:
        with pytest.raises(SettingsError, match=r"is the name of 2 accounts\. Give an id: "):
            chosen(connection, "Same")

        assert chosen(connection, "Other") == [OTHER]


def test_no_message_holds_a_mail_address(tmp_path: Path) -> None:
    names = [named(ACCOUNT, "ann@example.com's Account")]
    with two_accounts(tmp_path, account_names=names) as connection, pytest.raises(SettingsError) as error:
        chosen(connection, "x")

    assert "@" not in str(error.value)
    assert "'s Account" in str(error.value)


def test_of_many_accounts_ten_are_listed(tmp_path: Path) -> None:
    rows = [used("2026-11-21", "1", f"{number:032x}") for number in range(12)]
    with database(tmp_path, usage_daily=rows) as connection, pytest.raises(SettingsError, match="and 2 more"):
        chosen(connection, "x")


def test_without_any_account_there_is_nothing_to_list(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        assert chosen(connection) == []
        with pytest.raises(SettingsError, match="contains no account yet"):
            chosen(connection, "x")
