"""Postgres as the place of a load."""

from __future__ import annotations

import logging

import pytest

from support.bench import Bench
from support.constants import ACCOUNT
from support.postgres import Database


@pytest.mark.stores
def test_a_load_leaves_its_rows_and_nothing_else(
    bench: Bench, postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        bench.load_well([ACCOUNT], destination="postgres")

    assert postgres.rows("select account_id from ai_gateway_billing.credit_balance") == [(ACCOUNT,)]
    assert schemas(postgres) == ["ai_gateway_billing"]
    assert caplog.messages == []


def schemas(postgres: Database) -> list[str]:
    found = postgres.rows(
        "select schema_name from information_schema.schemata where schema_name like 'ai_%' order by 1"
    )
    return [name for (name,) in found]
