"""Postgres as readers copy it: as one moment saw it, and with words for what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import read, stores
from ai_gateway_billing_pipeline.database.postgres import Tables
from ai_gateway_billing_pipeline.loading import remotes
from ai_gateway_billing_pipeline.settings import Store
from support.command import aig, refusal
from support.postgres import Database
from support.poured import pour_into_postgres

READ = ("status", "--destination", "postgres")
CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"


def daily(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    return connection.execute("select columns(*)::varchar from spend.daily order by all").fetchall()


@pytest.mark.stores
def test_a_reader_sees_one_moment(postgres: Database, file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A load that ends while the tables are copied one after the other is seen whole or not at all."""
    pour_into_postgres(file, postgres, tmp_path)
    copy = Tables.copy

    def copy_and_load(self: Tables, name: str) -> None:
        copy(self, name)
        if name < "usage_hourly":  # else the copy holds it
            postgres.rows("alter table ai_gateway_billing.usage_hourly add column if not exists model text default 3")
        postgres.rows("delete from ai_gateway_billing.usage_daily")
        postgres.rows("delete from ai_gateway_billing.usage_hourly")

    monkeypatch.setattr(Tables, "copy", copy_and_load)
    found = remotes.found(Store(Path("billing.duckdb"), "postgres"))
    with stores.connect(found) as there, read.connect(file) as here:
        assert daily(there) == daily(here) != []

    with stores.connect(found) as later:
        assert later.execute("from spend.hourly where amount > 0").fetchall() == []


# --- what goes wrong -----------------------------------------------------------------------------------------------


def test_nobody_listening_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIALS, "postgresql://me:open-sesame@127.0.0.1:1/billing")

    told = refusal(*READ)

    assert told.startswith("1 Error: postgres cannot be read: connection to server at")
    assert "Connection refused" in told
    assert "open-sesame" not in told


@pytest.mark.stores
@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("postgres", "nowhere")])
def test_a_wrong_login_is_a_setting(
    user: str, database: str, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"postgresql://{user}:open-sesame@127.0.0.1:{postgres.port}/{database}"
    monkeypatch.setenv(CREDENTIALS, address)

    told = refusal(*READ)

    assert told.startswith("2 Error: postgres cannot be opened: connection to server at")
    assert "does not exist" in told
    assert "[destination.postgres.credentials]" in told
    assert "open-sesame" not in told


@pytest.mark.stores
def test_a_user_without_rights_is_told_which_to_ask_for(
    postgres: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pour_into_postgres(file, postgres, tmp_path)
    with postgres.user() as user:
        address = f"postgresql://{user}:open-sesame@127.0.0.1:{postgres.port}/{postgres.name}"
        monkeypatch.setenv(CREDENTIALS, address)

        told = refusal(*READ)
        postgres.rows(f"grant usage on schema ai_gateway_billing to {user}")
        later = refusal(*READ)
        postgres.rows(f"grant select on all tables in schema ai_gateway_billing to {user}")
        ran = aig(*READ)

    assert told.startswith("2 Error: postgres does not let this user do that: permission denied for schema")
    assert later.startswith("2 Error: postgres does not let this user do that: permission denied for table")
    assert ran.code == 0
