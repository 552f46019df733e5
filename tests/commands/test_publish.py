"""`aig-billing publish`: where there is nothing to publish, and to where."""

from __future__ import annotations

import duckdb
import pytest

from support.command import aig
from support.postgres import Database


@pytest.mark.stores
def test_an_empty_database_has_nothing_to_publish(postgres: Database) -> None:
    ran = aig("publish", "--destination", "postgres")

    assert ran.code == 2
    assert "contains no AI Gateway billing yet" in ran.err
    assert postgres.rows("select to_regnamespace('spend')") == [(None,)]


def test_what_duckdb_reads_needs_no_tables() -> None:
    duckdb.connect("billing.duckdb").close()

    ran = aig("publish")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: billing.duckdb has the views of spend itself")
