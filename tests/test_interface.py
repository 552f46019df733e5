"""What scripts, dashboards and cron jobs are written against. A change here breaks somebody."""

from __future__ import annotations

import typer

import ai_gateway_billing
from ai_gateway_billing import errors
from ai_gateway_billing.rows import tables
from ai_gateway_billing_pipeline import cli
from support.command import aig

SCHEDULED = {"--notify", "--notify-url"}
COMMON = {"--help", "--json", "--log-level", "--log-format", "--quiet"}
WHERE = {"--account", "--base-url", "--database", "--destination"}
STORE = {"--database", "--destination"}
LATEST = COMMON | STORE | {"--account", "--csv"}
PERIODS = LATEST | {"--from", "--last", "--to"}
OPTIONS = {
    "load": COMMON
    | WHERE
    | {
        "--demo",
        "--full-refresh",
        "--grouping",
        "--lookback",
        "--max-requests-per-second",
        "--only",
        "--shard",
        "--start",
        "--take-over",
        "--trust-clock",
        "--wait",
        "--with",
    }
    | SCHEDULED,
    "backfill": COMMON
    | WHERE
    | SCHEDULED
    | {"--extend", "--from", "--max-requests-per-second", "--shard", "--to", "--trust-clock", "--wait", "--with"},
    "status": COMMON | STORE | {"--account", "--all"},
    **dict.fromkeys(("daily", "monthly", "models", "gateways", "invoices"), PERIODS),
    "today": LATEST,
    "runway": LATEST,
    "export": COMMON | STORE | {"--account", "--force", "--format", "--from", "--output", "--to"},
    "query": COMMON | STORE | {"--csv"},
    "report": COMMON | STORE | {"--account", "--force", "--from", "--output", "--to"},
    "metrics": COMMON | {"--database", "--destination", "--force", "--output"},
    "check": COMMON
    | SCHEDULED
    | {"--accept", "--credit-days", "--database", "--destination", "--remind-after", "--stale-after", "--wait"},
    "doctor": COMMON | WHERE | {"--with"} | {"--notify", "--test-notify"},
    "accounts": COMMON | {"--base-url"},
}
EXIT_CODES = {
    errors.BillingError: 1,
    errors.SettingsError: 2,
    errors.AuthenticationError: 3,
    errors.BillingPermissionError: 3,
    errors.NotFoundError: 4,
    errors.BadRequestError: 4,
    errors.InvalidAnswerError: 4,
    errors.ServerError: 4,
    errors.PagesInconsistentError: 4,
    errors.RecordError: 4,
    errors.DatabaseBusyError: 5,
    errors.RateLimitedError: 6,
    errors.UnreachableError: 6,
    errors.DatabaseError: 1,
}
USAGE = {"account_id", "start_time", "end_time", "id", "aggregated_value"}
COLUMNS = {
    "usage_hourly": USAGE,
    "usage_daily": USAGE,
    "usage_coverage": {"account_id", "grouping", "day", "read_until"},
    "invoices": {
        "account_id", "id", "created", "status", "currency", "amount_due", "amount_paid", "amount_remaining",
        "attempt_count", "attempted", "auto_advance", "created_by", "description", "invoice_origin",
    },
    "invoice_preview": {
        "account_id", "id", "status", "currency", "amount_due", "amount_paid", "amount_remaining", "period_start",
        "period_end",
    },
    "invoice_preview__invoice_lines": {
        "account_id", "description", "amount", "currency", "quantity", "period__start", "period__end",
        "pricing__unit_amount_decimal",
    },
    "invoice_preview__invoice_lines__pretax_credit_amounts": {"account_id", "amount", "type"},
    "credit_balance": {"account_id", "balance", "has_default_payment_method"},
    "topup_config": {"account_id", "amount", "threshold"},
    "spending_limit": {"account_id", "enabled", "config__amount", "config__duration", "config__strategy"},
    "gateway_usage_hourly": {
        "account_id", "hour", "gateway", "provider", "model", "wholesale", "requests", "cached_requests",
        "errored_requests", "tokens_in", "tokens_out", "cache_read_tokens", "cache_write_tokens", "cost_usd_estimate",
    },
    "gateway_usage_tags_hourly": {"account_id", "hour", "gateway", "model", "tag", "value", "cost_usd_estimate"},
    "gateway_usage_gaps": {"account_id", "resource", "gap_start", "gap_end", "noticed_at"},
    "gateways": {"account_id", "gateway", "workers_ai_billing_mode", "byok_only"},
    "gateways__spend_limit_rules": {"account_id", "limit_usd", "window_seconds", "kind", "model", "provider"},
}  # fmt: skip


def test_commands_and_their_options() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]

    found = {
        name: {"--help"} | {option for parameter in command.params for option in parameter.opts if option[0] == "-"}
        for name, command in commands.items()
    }
    assert {name: found.get(name) for name in OPTIONS} == OPTIONS


def test_exit_codes() -> None:
    assert {error: error.exit_code for error in EXIT_CODES} == EXIT_CODES


def test_help_tells_the_exit_codes() -> None:
    words = " ".join(aig("--help").out.split())

    assert "0 done, 1 unexpected error (check: errors found), 2 bad option or setting, 3 token refused or" in words
    assert "5 database in use, 6 API unreachable or rate limited" in words


def test_resources() -> None:
    assert tables.RESOURCES == (
        "usage_hourly",
        "usage_daily",
        "usage_coverage",
        "invoices",
        "invoice_preview",
        "credit_balance",
        "topup_config",
        "spending_limit",
    )


def test_resources_of_attribution() -> None:
    assert tables.ATTRIBUTION == (
        "gateway_usage_hourly",
        "gateway_usage_tags_hourly",
        "gateway_usage_gaps",
        "gateways",
    )


def test_tables_have_their_columns() -> None:
    missing = {table: columns - set(tables.TABLES[table]) for table, columns in COLUMNS.items()}

    assert set(tables.TABLES) == set(COLUMNS)
    assert not any(missing.values()), missing


def test_money_is_decimal_everywhere() -> None:
    money = {"aggregated_value", "amount_due", "amount_paid", "amount_remaining", "amount", "balance", "threshold"}

    kinds = {
        hint["data_type"]
        for columns in tables.TABLES.values()
        for name, hint in columns.items()
        if name.rpartition("__")[2] in money
    }
    assert kinds == {"decimal"}


def test_every_table_has_the_account() -> None:
    assert all("account_id" in columns for columns in tables.TABLES.values())


def test_sensitive_columns_are_no_part_of_the_tables() -> None:
    names = {name for columns in tables.TABLES.values() for name in columns}

    assert not {name for name in names if "pdf" in name or "last4" in name or "brand" in name}


def test_the_package_offers_these_names() -> None:
    assert ai_gateway_billing.__all__ == [
        "ApiError",
        "AuthenticationError",
        "BillingError",
        "BillingPermissionError",
        "RateLimitedError",
        "RecordError",
        "SettingsError",
        "UnreachableError",
        "ai_gateway_billing",
    ]
    assert all(hasattr(ai_gateway_billing, name) for name in ai_gateway_billing.__all__)
