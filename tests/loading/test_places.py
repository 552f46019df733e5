"""Where a load writes follows from the settings alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ai_gateway_billing.errors import DatabaseBusyError
from ai_gateway_billing_pipeline.loading import files, lakes, places, postgres
from support.bench import Bench

ANOTHER = "dlt.destinations.duckdb"
"""Given by its full name it is a destination like any other."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://me:open-sesame@127.0.0.1:1/billing")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "elsewhere.duckdb")


@pytest.mark.parametrize(
    ("destination", "kind", "left"),
    [
        ("duckdb", files.File, "Nothing was published"),
        ("postgres", postgres.Postgres, "The tables are as they were before"),
        ("ducklake", lakes.Lake, "The tables are as they were before"),
        (ANOTHER, places.Other, "Part of the load may be there"),
    ],
)
def test_each_destination_is_a_place_and_only_one_that_was_never_tried_is_warned_of(
    destination: str, kind: type, left: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Bench(tmp_path).settings(destination=destination)

    with caplog.at_level(logging.WARNING), places.opened(settings) as place:
        assert type(place) is kind
        assert place.ending.startswith(left)

    assert place.named == (str(settings.database) if destination == "duckdb" else destination)
    assert bool(caplog.messages) == (kind is places.Other)


def test_another_destination_is_loaded_by_one_at_a_time_and_not_looked_at(tmp_path: Path) -> None:
    settings = Bench(tmp_path).settings(destination=ANOTHER)

    with places.opened(settings) as first, places.opened(settings) as second, first.held(0):
        with pytest.raises(DatabaseBusyError), second.held(0):
            pass
        with first.sql() as sql:
            assert sql is None
    with second.held(0):
        pass
