"""The format of a file and the endings that fit it."""

from __future__ import annotations

import pytest

from ai_gateway_billing_pipeline.exporting.formats import Format, by_ending


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("days.parquet", "parquet"),
        ("days.csv", "csv"),
        ("DAYS.JSON", "json"),
        ("days.jsonl", "jsonl"),
        ("days.ndjson", "jsonl"),
        ("days.xlsx", "xlsx"),
        ("days.csv.gz", "parquet"),
        ("csv", "parquet"),
        ("-", "parquet"),
    ],
)
def test_the_name_of_a_file_suggests_its_format(target: str, kind: str) -> None:
    assert by_ending(target) == kind


@pytest.mark.parametrize("kind", Format)
def test_every_format_has_endings_that_lead_back_to_it(kind: Format) -> None:
    assert {by_ending(f"a{ending}") for ending in kind.endings} == {kind}
