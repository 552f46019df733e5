"""`aig-billing metrics`: what Prometheus reads is what the views say, and nothing stands for what is not known."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ai_gateway_billing_pipeline import metrics
from ai_gateway_billing_pipeline.database import checks, views
from support.constants import ACCOUNT, NOW, OTHER
from support.raw_tables import Row, at, covered, database, fill, named, preview, used

Samples = dict[str, dict[tuple[str, ...], float]]

NAME = 'Acme "Labs"\n\\ back, {a="b"} ‹ü›'


def status(resource: str, error: str | None = None, account_id: str = ACCOUNT) -> Row:
    good = None if error and resource == "invoices" else at("2026-11-22T10:00")
    return {
        "account_id": account_id, "resource": resource, "status": "failed" if error else "ok", "error": error,
        "skipped": None, "last_attempt_at": at("2026-11-22T10:00"), "last_success_at": good,
        "last_listed_at": at("2026-11-22T10:00"),
    }  # fmt: skip


def balance(cents: str) -> Row:
    return {
        "account_id": ACCOUNT, "balance": Decimal(cents), "has_default_payment_method": True,
        "_dlt_valid_from": at("2026-11-22T10:00"),
    }  # fmt: skip


def line(model: str, cents: str) -> Row:
    return {
        "account_id": ACCOUNT, "_dlt_parent_id": "p", "description": model, "amount": Decimal(cents), "currency": "usd",
        "quantity": Decimal(1),
    }  # fmt: skip


BOOKKEPT = """
    create table if not exists ai_gateway_billing.load_status (
        account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
        last_attempt_at timestamptz, last_success_at timestamptz, last_listed_at timestamptz
    );
    create table if not exists ai_gateway_billing.quarantine (
        account_id varchar, resource varchar, field varchar, reason varchar, payload varchar,
        first_seen_at timestamptz, last_seen_at timestamptz
    );
    create table if not exists ai_gateway_billing.unknown_fields (
        table_name varchar, field varchar, data_type varchar, first_seen_at timestamptz
    );
"""
"""The tables that a load writes beside the API's."""


def bookkept(connection: duckdb.DuckDBPyConnection, *rows: Row) -> None:
    connection.execute(BOOKKEPT)
    fill(connection, load_status=rows)


def gauges(connection: duckdb.DuckDBPyConnection, now: datetime = NOW) -> Samples:
    """By name and values of the labels, as Prometheus's own parser reads them."""
    text = metrics.text(connection, now, checks.Limits()).decode()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            values = tuple(sample.labels.values())
            assert values not in found.setdefault(sample.name, {})
            found[sample.name][values] = sample.value
    return found


@pytest.fixture
def filled(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    days = [f"2026-11-{day:02}" for day in range(1, 22)]
    connection = database(
        tmp_path,
        usage_daily=[used(day, "200") for day in [*days, "2026-11-22"]],
        usage_coverage=[
            *(covered(day, "day", read_at="2026-11-22T10:00") for day in days),
            covered("2026-11-22", "day", read_at="2026-11-22T10:00") | {"read_until": at("2026-11-22T10:00")},
        ],
        credit_balance=[balance("1000.5")],
    )
    bookkept(connection, status("usage_daily"), status("invoices", "HTTP 500."))
    return connection


def test_the_gauges_say_what_the_views_say(filled: duckdb.DuckDBPyConnection) -> None:
    found = gauges(filled)

    money = (ACCOUNT, "USD")
    assert found["aig_billing_credit_balance"] == {money: 10.005}
    assert found["aig_billing_spend_today"] == {money: 2.0}
    assert found["aig_billing_spend_month"] == {money: 44.0}
    assert found["aig_billing_credit_left_seconds"] == {(ACCOUNT,): 5.0 * 86_400}
    assert found["aig_billing_data_age_seconds"] == {(ACCOUNT,): 1800.0}
    assert found["aig_billing_load_success"] == {(ACCOUNT, "usage_daily"): 1.0, (ACCOUNT, "invoices"): 0.0}
    assert found["aig_billing_load_success_timestamp_seconds"] == {
        (ACCOUNT, "usage_daily"): at("2026-11-22T10:00").timestamp()
    }


def test_models_are_told_apart(tmp_path: Path) -> None:
    version = preview("2026-11-01", "2026-12-01", "2026-11-22T10:00") | {"_dlt_id": "p"}
    lines = [line("openai/gpt-5.5", "700"), line("@cf/meta/llama", "50")]
    connection = database(tmp_path, invoice_preview=[version], invoice_preview__invoice_lines=lines)
    bookkept(connection, status("invoice_preview"))

    found = gauges(connection)["aig_billing_model_spend_month"]

    assert found == {(ACCOUNT, "USD", "openai/gpt-5.5"): 7.0, (ACCOUNT, "USD", "@cf/meta/llama"): 0.5}


def test_budgets_are_told_as_ratios(filled: duckdb.DuckDBPyConnection) -> None:
    team = {"name": "team", "amount": Decimal(80), "currency": "USD", "period": "month", "thresholds": "50,80,100"}
    filled.execute(
        "create table if not exists ai_gateway_billing.budgets (name varchar, amount decimal(38, 18), "
        "currency varchar, period varchar, accounts varchar, model varchar, thresholds varchar)"
    )
    fill(filled, budgets=[team])
    views.apply(filled, "cents")

    found = gauges(filled)

    assert found["aig_billing_budget_ratio"] == {("", "team", "USD", "", "month"): 0.55}
    assert found["aig_billing_budget_forecast_ratio"][("", "team", "USD", "", "month")] > 0.7


def test_what_is_not_known_is_absent(filled: duckdb.DuckDBPyConnection) -> None:
    """Neither a balance that was never read nor today's spend when nothing of today was read is 0."""
    fill(filled, credit_balance=[])
    later = at("2026-12-03")

    found = gauges(filled, later)

    absent = {"credit_balance", "credit_left_seconds", "spend_today", "spend_month", "spend_month_forecast"}
    assert {f"aig_billing_{name}" for name in absent} & set(found) == set()
    assert found["aig_billing_data_age_seconds"][(ACCOUNT,)] == (later - at("2026-11-22T10:00")).total_seconds()


def test_a_name_from_outside_stays_in_its_label(filled: duckdb.DuckDBPyConnection) -> None:
    fill(filled, account_names=[named(ACCOUNT, NAME)])

    assert gauges(filled)["aig_billing_account_info"] == {(ACCOUNT, NAME): 1.0}


def test_findings_are_counted_by_severity(filled: duckdb.DuckDBPyConnection) -> None:
    found = gauges(filled)["aig_billing_findings"]

    assert set(found) == {("error",), ("warning",), ("info",)}
    assert found[("error",)] > 0, "the credit lasts five days"
    assert found[("info",)] == 0


def test_an_account_that_is_gone_has_no_gauge(filled: duckdb.DuckDBPyConnection) -> None:
    gone = status("usage_daily", account_id=OTHER) | {"last_listed_at": at("2026-01-01")}
    bookkept(filled, status("usage_daily"), gone)

    assert {labels[0] for family in gauges(filled).values() for labels in family} & {OTHER} == set()


def test_names_follow_the_conventions_of_prometheus() -> None:
    assert all(re.fullmatch(r"[a-z][a-z_]*[a-z]", name) for name in metrics.GAUGES)
    assert [
        name for name in metrics.GAUGES if re.search(r"(days|hours|ms|percent|cents|dollars|total|count)$", name)
    ] == []
