"""Loads into a real Postgres."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from support.bench import Bench
from support.constants import ACCOUNT
from support.postgres import Database


def test_a_load_leaves_its_rows_and_no_warning(
    tmp_path: Path, postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path)
    bench.account()

    with caplog.at_level(logging.WARNING):
        bench.load_well([ACCOUNT], destination="postgres")

    assert postgres.rows("select account_id from ai_gateway_billing.credit_balance") == [(ACCOUNT,)]
    assert caplog.messages == []
