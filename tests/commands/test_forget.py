"""`aig-billing account forget`: what is stored of one account goes, all of it, and nothing else does."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.simulator import Simulator
from ai_gateway_billing_pipeline import cli
from support.bench import put_tables
from support.command import aig, run_python, serving
from support.constants import ACCOUNT, OTHER

DATABASE = Path("billing.duckdb")
FORGET = ("account", "forget", OTHER)


@contextmanager
def two_accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Two accounts, served, with an invoice without id each."""
    with serving(monkeypatch, ACCOUNT, OTHER) as simulator:
        for account_id in (ACCOUNT, OTHER):
            simulator.world.accounts[account_id].put_invoice(
                {"id": None, "currency": "usd", "amount_due": 1, "amount_paid": 1, "amount_remaining": 0}
            )
        yield simulator


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a load of both leaves."""
    database = tmp_path_factory.mktemp("loaded") / "billing.duckdb"
    put_tables(database.parent)
    with pytest.MonkeyPatch.context() as patch, two_accounts(patch):
        assert aig("load", "--account", "all", "--database", str(database)).code == 0
    return database


@pytest.fixture
def loaded(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Both accounts, loaded, and the API that goes on to answer for them."""
    shutil.copyfile(file, DATABASE)
    with two_accounts(monkeypatch) as simulator:
        yield simulator


def contents() -> dict[str, dict[str, list[tuple[object, ...]]]]:
    """Every table's rows by account, without its own name."""
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        named = (
            "select table_name from duckdb_columns() where schema_name = 'ai_gateway_billing' "
            "and column_name = 'account_id' and not internal"
        )
        tables = [name for (name,) in connection.execute(named).fetchall()]
        query = (
            "select columns(lambda c: c <> 'account_id') from ai_gateway_billing.{} where account_id = $1 order by all"
        )
        return {
            account_id: {
                table: rows
                for table in tables
                if (rows := connection.execute(query.format(table), [account_id]).fetchall())
            }
            for account_id in (ACCOUNT, OTHER)
        }


def test_all_that_is_stored_of_it_goes_and_nothing_else(loaded: Simulator) -> None:
    before = contents()
    assert OTHER.encode() in DATABASE.read_bytes()
    ran = aig(*FORGET, "--yes", "--json")

    assert ran.code == 0, ran.err
    assert ran.json == {
        "status": "done",
        "account": OTHER,
        "rows": {table: len(rows) for table, rows in sorted(before[OTHER].items())},
    }
    assert {"usage_hourly", "invoices", "credit_balance", "load_status", "invoice_preview__invoice_lines"} <= set(
        ran.json["rows"]
    )
    assert contents() == {ACCOUNT: before[ACCOUNT], OTHER: {}}
    assert OTHER.encode() not in state() + DATABASE.read_bytes()


def state() -> bytes:
    """dlt's newest state as text."""
    from dlt.common.versioned_state import decompress_state

    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        ((stored,),) = connection.execute("select state from ai_gateway_billing._dlt_pipeline_state").fetchall()
    return json.dumps(decompress_state(stored), default=str).encode()


def test_the_next_load_of_the_others_goes_on_where_it_was(loaded: Simulator) -> None:
    aig("load", "--account", ACCOUNT)
    loaded.requests.clear()
    aig("load", "--account", ACCOUNT)
    usual = len(loaded.requests)
    aig(*FORGET, "--yes")
    loaded.requests.clear()

    assert aig("load", "--account", ACCOUNT).code == 0
    assert len(loaded.requests) == usual
    assert contents()[OTHER] == {}


def test_a_load_of_it_reads_its_whole_history_again(loaded: Simulator) -> None:
    counted = {table: len(rows) for table, rows in contents()[OTHER].items()}
    aig(*FORGET, "--yes")

    assert aig("load", "--account", "all", "--lookback", "0").code == 0

    assert {table: len(rows) for table, rows in contents()[OTHER].items()} == counted


def test_it_needs_no_token_and_sends_nothing(loaded: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    loaded.requests.clear()

    assert aig(*FORGET, "--yes").code == 0
    assert loaded.requests == []


class Terminal(io.StringIO):
    """What somebody types, or reads."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("no\n", 2), ("\n", 2), ("", 2)])
def test_at_a_terminal_it_asks(loaded: Simulator, monkeypatch: pytest.MonkeyPatch, typed: str, code: int) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    asked = Terminal()
    with pytest.raises(SystemExit) as end, redirect_stderr(asked):
        cli.main(FORGET)

    assert end.value.code in ({0, None} if code == 0 else {code})
    assert "Type yes" in asked.getvalue()
    assert (contents()[OTHER] == {}) == (code == 0)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_a_yes_it_says_what_it_would_delete_and_deletes_nothing(
    loaded: Simulator, more: tuple[str, ...]
) -> None:
    before = DATABASE.read_bytes()
    ran = aig(*FORGET, *more)

    assert ran.code == 2
    assert "--yes" in ran.err
    assert ("usage_hourly" in ran.out) == (not more)
    assert DATABASE.read_bytes() == before


@pytest.mark.parametrize(
    ("given", "told"), [("c" * 32, "contains nothing of account"), ("short", "account id"), ("", "account id")]
)
def test_what_is_no_account_of_the_database_is_refused(loaded: Simulator, given: str, told: str) -> None:
    before = DATABASE.read_bytes()
    ran = aig("account", "forget", given, "--yes")

    assert ran.code == 2
    assert told in ran.err
    assert DATABASE.read_bytes() == before


def test_an_id_in_upper_case_is_the_same_account(loaded: Simulator) -> None:
    assert aig("account", "forget", OTHER.upper(), "--yes").code == 0
    assert contents()[OTHER] == {}


def test_it_waits_for_no_load_unless_told_to(loaded: Simulator) -> None:
    from ai_gateway_billing_pipeline.loading.workspace import Workspace

    with Workspace(DATABASE.resolve()).locked(0):
        ran = aig(*FORGET, "--yes")

    assert ran.code == 5
    assert contents()[OTHER]


def test_the_last_account_can_be_forgotten_too(loaded: Simulator) -> None:
    for account_id in (ACCOUNT, OTHER):
        assert aig("account", "forget", account_id, "--yes").code == 0

    assert contents() == {ACCOUNT: {}, OTHER: {}}
    assert aig("load", "--account", ACCOUNT).code == 0
    assert contents()[ACCOUNT]


def test_it_has_nothing_in_its_process_that_could_change_an_account(loaded: Simulator) -> None:
    ran = run_python(f"""
import sys
from ai_gateway_billing_pipeline.cli import main
try:
    main({[*FORGET, "--yes"]!r})
except SystemExit as end:
    assert not end.code, end.code
changing = ("ai_gateway_billing.operations", "ai_gateway_billing_pipeline.account")
there = [name for name in sys.modules if name.startswith(changing)]
assert not there, there
""")

    assert ran.code == 0, ran.err
