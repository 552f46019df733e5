"""How a load is shown, and which error ends it with which exit code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.api import client
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows.tables import RESOURCES
from ai_gateway_billing.simulator import Simulator
from support.bench import put_tables
from support.command import aig, serving
from support.constants import ACCOUNT, OTHER, TOKEN

DATABASE = Path("billing.duckdb")


NO_WAITING = partial(Client, sleep=lambda _: None)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account, which the settings name no further."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Two accounts, both chosen."""
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", f"{ACCOUNT},{OTHER}")
    with serving(monkeypatch, ACCOUNT, OTHER) as simulator:
        yield simulator


def count(table: str) -> int:
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        row = database.execute(f"select count(*) from ai_gateway_billing.{table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_load_shows_each_resource_and_where_its_rows_are(api: Simulator) -> None:
    result = aig("load")

    assert result.code == 0, result.err
    assert f"Account {ACCOUNT}" in result.out
    assert all(name in result.out for name in RESOURCES if name != "usage_coverage")
    assert "Published to billing.duckdb" in result.out
    assert f"{len(api.requests)} requests" in result.out
    assert f"{ACCOUNT} invoices: done" in result.err


def test_a_load_as_json_prints_one_object(two: Simulator) -> None:
    put_tables(Path.cwd())

    result = aig("load", "--json")

    assert result.code == 0, result.err
    assert result.json["status"] == "ok"
    assert set(result.json["accounts"]) == {ACCOUNT, OTHER}
    assert result.json["accounts"][ACCOUNT] == {"status": "ok", "error": None, "errors": {}, "skipped": {}}
    assert result.json["rows"]["usage_hourly"] == count("usage_hourly")
    assert result.json["requests"] == len(two.requests)
    assert result.json["seconds"] > 0


def test_several_accounts_are_counted_per_resource(two: Simulator) -> None:
    put_tables(Path.cwd())

    result = aig("load", "--account", ACCOUNT, "--account", OTHER)

    assert result.code == 0, result.err
    assert "2 accounts" in result.out


def test_a_wrong_token_ends_with_3_and_publishes_nothing(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "a-wrong-token-0123456789-0123456789"
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", wrong)

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 3
    assert "Check the API token" in result.err
    assert wrong not in result.err + result.out
    assert not DATABASE.exists()


def test_a_token_that_may_not_list_accounts_is_told_to_name_one(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.faults.add(403, endpoint="accounts")

    result = aig("load")

    assert result.code == 3
    assert "--account" in result.err.splitlines()[-1]


def test_one_of_two_accounts_forbidden_ends_with_4_and_loads_the_other(two: Simulator) -> None:
    put_tables(Path.cwd())
    two.world.tokens[TOKEN].reads.discard(OTHER)

    result = aig("load", "--json")

    assert result.code == 4
    assert result.json["status"] == "partial"
    assert result.json["accounts"][ACCOUNT]["status"] == "ok"
    assert result.json["accounts"][OTHER]["status"] == "failed"
    assert "permission" in result.json["accounts"][OTHER]["error"]
    assert result.err.count(f"Failed for {OTHER}") == 1
    assert count("usage_hourly") > 0


def test_a_server_that_is_down_ends_with_6(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT):
        pass
    monkeypatch.setattr(client, "Client", NO_WAITING)

    result = aig("load", "--json")

    assert result.code == 6
    assert result.json["status"] == "failed"
    assert result.json["requests"] > 1
    assert not DATABASE.exists()


def test_a_load_in_which_nothing_could_be_read_keeps_the_published_file(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_tables(Path.cwd())
    aig("load")
    before = DATABASE.stat()
    monkeypatch.setattr(client, "Client", NO_WAITING)
    api.faults.add("refused")

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 6
    assert "The database is unchanged" in result.out
    assert DATABASE.stat().st_mtime_ns == before.st_mtime_ns
