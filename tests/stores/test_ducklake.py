"""Loads into a DuckLake whose catalog is a real Postgres."""

from __future__ import annotations

from pathlib import Path

from support.bench import Bench
from support.constants import ACCOUNT
from support.lake import Lake


def test_a_load_leaves_its_rows(tmp_path: Path, lake: Lake) -> None:
    bench = Bench(tmp_path)
    bench.account()

    bench.load_well([ACCOUNT], destination="ducklake")

    assert lake.rows("select account_id from ai_gateway_billing.credit_balance") == [(ACCOUNT,)]
