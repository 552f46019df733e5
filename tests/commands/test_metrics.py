"""`aig-billing metrics`: the text on standard output, or a file that the exporter can read at any moment."""

from __future__ import annotations

import os
import stat
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from support.command import aig, start_aig
from support.constants import ACCOUNT
from support.raw_tables import at, database


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    """The command on a database that knows a balance and nothing else."""
    balance = {
        "account_id": ACCOUNT, "balance": Decimal("1000.5"), "has_default_payment_method": True,
        "_dlt_valid_from": at("2026-11-22T10:00"),
    }  # fmt: skip
    database(tmp_path, credit_balance=[balance]).close()
    return ["metrics", "--database", str(tmp_path / "billing.duckdb")]


def test_the_command_prints_them(here: list[str]) -> None:
    out, err = start_aig(*here).communicate()

    assert err == ""
    assert f'aig_billing_credit_balance{{account="{ACCOUNT}",currency="USD"}} 10.005\n' in out


def test_a_file_is_readable_for_the_exporter_whatever_the_mask_and_replaced_as_often_as_wanted(here: list[str]) -> None:
    before = os.umask(0o077)
    try:
        codes = [aig(*here, "--output", "billing.prom").code for _ in range(2)]
    finally:
        os.umask(before)

    assert codes == [0, 0]
    assert stat.S_IMODE(Path("billing.prom").stat().st_mode) == 0o644
    assert [path.name for path in Path().iterdir() if path.name != "dlt"] == ["billing.prom"]


def test_the_mode_that_somebody_gave_the_file_stays(here: list[str]) -> None:
    aig(*here, "--output", "billing.prom")
    Path("billing.prom").chmod(0o640)

    aig(*here, "--output", "billing.prom")

    assert stat.S_IMODE(Path("billing.prom").stat().st_mode) == 0o640


def test_a_file_of_somebody_else_is_replaced_only_by_force(here: list[str]) -> None:
    Path("other.prom").write_text("up 1\n")

    assert aig(*here, "--output", "other.prom").code == 2
    assert Path("other.prom").read_text() == "up 1\n"
    assert aig(*here, "--output", "other.prom", "--force").code == 0


def test_a_failure_leaves_the_last_file(here: list[str]) -> None:
    aig(*here, "--output", "billing.prom")
    before = Path("billing.prom").read_bytes()

    assert aig("metrics", "--database", "none.duckdb", "--output", "billing.prom").code == 2
    assert Path("billing.prom").read_bytes() == before


def test_views_of_an_older_version_are_told_as_such(here: list[str], tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        connection.execute("drop view spend.runway")

    ran = aig(*here)

    assert ran.code == 2
    assert "aig-billing load" in ran.err
