"""Changes that are no load: whole or not at all, and never beside a load of the same rows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import forget, store
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Bench
from support.constants import ACCOUNT, OTHER
from support.postgres import Database

FILE = Path("billing.duckdb")
WHERE = Store(FILE, "postgres")


@pytest.mark.stores
def test_a_change_is_made_whole_or_not_at_all(postgres: Database) -> None:
    with store.changed(WHERE) as sql:
        sql.execute("create schema ai_gateway_billing")
        sql.execute("create table ai_gateway_billing.mine (name varchar)")
    with contextlib.suppress(KeyError), store.changed(WHERE) as sql:
        sql.execute("insert into ai_gateway_billing.mine values (%s)", "one")
        raise KeyError

    with store.changed(WHERE) as sql:
        assert list(sql.execute("select name from ai_gateway_billing.mine where name = %s", "one")) == []


@pytest.mark.stores
def test_an_account_can_be_forgotten(bench: Bench, postgres: Database) -> None:
    bench.account(OTHER)
    bench.load_well([ACCOUNT, OTHER], destination="postgres")

    with store.changed(WHERE, forgets=ACCOUNT) as sql:
        forget.forget(sql, ACCOUNT)

    with store.read(WHERE) as sql:
        assert forget.held(sql, ACCOUNT) == {}
        assert forget.held(sql, OTHER)
    bench.load_well([ACCOUNT, OTHER], destination="postgres")
    assert postgres.rows("select count(*) from ai_gateway_billing.usage_hourly") == [(24,)]


# --- without a server ----------------------------------------------------------------------------------------------


def test_a_change_to_the_file_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    where = Store(tmp_path / "billing.duckdb")
    with duckdb.connect(str(where.database)) as connection:
        connection.execute("create schema ai_gateway_billing; create table ai_gateway_billing.mine (name varchar)")

    with contextlib.suppress(KeyError), store.changed(where) as sql:
        sql.execute("insert into ai_gateway_billing.mine values (%s)", "given up")
        raise KeyError
    with store.changed(where) as sql:
        sql.execute("insert into ai_gateway_billing.mine values (%s)", "kept")

    with duckdb.connect(str(where.database), read_only=True) as connection:
        assert connection.execute("from ai_gateway_billing.mine").fetchall() == [("kept",)]


@pytest.mark.parametrize(
    ("ask", "destination", "told"),
    [
        (store.changed, "dlt.destinations.duckdb", "takes loads alone"),
        (store.read, "dlt.destinations.duckdb", "cannot be read"),
        (store.read, "duckdb", "cannot be read"),
    ],
)
def test_what_takes_only_loads_is_refused(
    ask: Any, destination: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "elsewhere.duckdb")

    with pytest.raises(SettingsError, match=f"The destination {destination} {told}"), ask(Store(FILE, destination)):
        pass

    assert list(Path().iterdir()) == []
