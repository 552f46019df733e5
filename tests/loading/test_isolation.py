"""Whatever one account's answer does, it is that account's and resource's failure: the rest is loaded and published.

Each hostile answer is an account of its own, and all are loaded together with one that has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from ai_gateway_billing.simulator import Raw
from ai_gateway_billing_pipeline.loading.result import Result
from support.bench import SNAPSHOTS, USAGE, Bench
from support.chosen import chosen
from support.constants import HOUR
from support.samples import account_of, fill


def nested(levels: int, kind: str) -> Raw:
    """JSON nested so deep that no recursion of Python's gets through."""
    opening, closing = ("[", "]") if kind == "list" else ('{"a":', "}")
    return Raw(opening * levels + "1" + closing * levels)


PLACES = {
    "usage-history": "history.*.",
    "invoice-history": "invoices.*.",
    "invoice-preview": "invoice_lines.*.",
    "credit-balance": "",
    "topup/config": "",
    "spending-limit": "config.",
}
NEW_FIELDS: dict[str, Any] = {
    "a list nested 40 deep": nested(40, "list"),
    "an object nested 400 deep": nested(400, "object"),
    "a list nested 400 deep": nested(400, "list"),
    "a list nested 5000 deep": nested(5000, "list"),
    "a number of 5000 digits": Raw("9" * 5000),
    "a number with a huge exponent": Raw("1e999999999"),
    "half a letter": Raw('"\\ud800"'),
    "a text of 2 MB": "x" * 2_000_000,
    "a NUL": "a\x00b",
}
BROKEN: dict[tuple[str, str], Any] = {
    # (endpoint, path): a value that cannot be there, of any size
    ("usage-history", "history.*.id"): ["x" * 1_700_000],
    ("invoice-history", "invoices.*.amount_due"): "x" * 1_700_000,
    ("invoice-preview", "period_start"): {"x" * 1_700_000: 1},
    ("credit-balance", "balance"): "x" * 1_700_000,
    ("topup/config", "amount"): nested(50, "list"),
    ("spending-limit", "enabled"): ["ä" * 1_700_000],
    ("invoice-preview", "currency"): nested(400, "object"),
    ("credit-balance", "topup_config"): nested(400, "list"),
}
HOSTILE: dict[str, tuple[str, str, Any]] = {
    f"{name} in {place}": (place, f"{path}surprise", value)
    for name, value in NEW_FIELDS.items()
    for place, path in PLACES.items()
} | {f"{path} of {place}": (place, path, value) for (place, path), value in BROKEN.items()}
QUICK = {f"{name} in {place}" for name, place in zip(NEW_FIELDS, cycle(PLACES), strict=False)} | {
    f"{path} of {place}" for place, path in BROKEN
}
"""Every value somewhere and every place with something; the other pairs are thorough."""


@pytest.fixture(scope="module")
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clean_session: None
) -> Iterator[tuple[Bench, Result]]:
    """All of them in one load: the quick ones, and of the others those whose tests run."""
    bench = Bench(tmp_path_factory.mktemp("hostile"), start="2026-11-20").with_tables()
    names = QUICK | chosen(request, "name")
    for name in ("healthy", *names):
        fill(bench.account(account_of(name)))
    for name in names:
        endpoint, path, value = HOSTILE[name]
        bench.world.inject(endpoint, path, value, account_of(name))
    yield bench, bench.load()
    bench.close()


def assert_equals_world(bench: Bench, account_id: str) -> None:
    """As the world has it, but for the columns that the surprises have made."""
    for grouping in USAGE:
        assert bench.usage(grouping, account_id) == bench.true_usage(grouping, account_id)
    bench.assert_invoices_equal(account_id)
    for table in SNAPSHOTS:
        (current,) = [row for row in bench.versions(table, account_id) if row["is_open"]]
        assert known(current) == known(bench.true_snapshot(table, account_id)), table


def known(value: Any) -> Any:
    """Without the surprises and what the tables add."""
    if isinstance(value, list):
        return [known(each) for each in value]
    if isinstance(value, dict):
        added = ("is_open", "account_id")
        return {name: known(each) for name, each in value.items() if name not in added and "surprise" not in name}
    return value


def test_the_others_are_loaded_and_published(loaded: tuple[Bench, Result]) -> None:
    bench, result = loaded

    assert result.exit_code == 4
    assert_equals_world(bench, account_of("healthy"))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in HOSTILE]
)
def test_a_hostile_answer_is_the_failure_of_its_resource_alone(loaded: tuple[Bench, Result], name: str) -> None:
    bench, result = loaded
    account_id, endpoint = account_of(name), HOSTILE[name][0]

    errors = result.as_json()["accounts"][account_id]["errors"]

    tables = {"usage_hourly", "usage_daily", "invoices", "invoice_preview", "credit_balance", "topup_config"}
    own = {each for each in tables if each.startswith(endpoint.partition("-")[0].removesuffix("s").replace("/", "_"))}
    assert errors.keys() <= own | {"spending_limit"} | ({"invoices"} if endpoint == "invoice-history" else set())
    for words in errors.values():
        assert len(words) < 600
        assert "\n" not in words
    for table in ("credit_balance", "invoices", "usage_daily"):
        if table not in errors:
            assert bench.one(f"select count(*) from {{raw}}.{table} where account_id = $1", account_id), table


def test_what_is_put_aside_fits_into_a_key_and_is_told_apart(loaded: tuple[Bench, Result]) -> None:
    """DuckDB before 1.5 ends a load with an error when a key is longer than 120 KB."""
    bench, _ = loaded

    found = bench.rows("select payload from {raw}.quarantine")

    assert found
    assert max(len(payload.encode()) for (payload,) in found) < 100_000
    assert any("characters in all" in payload for (payload,) in found)


def test_the_next_load_finds_everything_as_it_was(loaded: tuple[Bench, Result]) -> None:
    bench, _ = loaded
    bench.world.clear_injections()
    bench.now += HOUR

    bench.load_well()

    for account_id in bench.world.accounts:
        assert_equals_world(bench, account_id)
    assert bench.rows("select * from {raw}.quarantine") == []
