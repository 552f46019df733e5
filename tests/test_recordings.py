"""The client against recorded HTTP exchanges, one behaviour a cassette. cassettes/README.md says who was recorded."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.api.analytics import DIMENSIONS, SUMS
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import (
    AuthenticationError,
    BadRequestError,
    BillingPermissionError,
    RateLimitedError,
    ServerError,
)
from ai_gateway_billing.rows.records import Reading, invoice, row
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, Simulator, World, demo_world
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.windows import Grouping, Window, epoch_ms
from support.recording import ACCOUNT_ID, API

pytestmark = pytest.mark.vcr

RECORDED_AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
LIVE_TOKEN = os.environ.get("AIG_BILLING_RECORD_TOKEN", "")
LIVE_ACCOUNT = os.environ.get("AIG_BILLING_RECORD_ACCOUNT", "")
NEW_ACCOUNT = "0" * 30 + "99"
READING = Reading(ACCOUNT_ID, RECORDED_AT)

Ask = Callable[..., AbstractContextManager[Client]]


@pytest.fixture
def asking(record_mode: str) -> Ask:
    """A client: of the cassette when replaying, of the simulator or, with a token, of the API when recording."""

    @contextmanager
    def client(
        world: World | None = None,
        token: str = DEMO_TOKEN,
        fault: dict[str, Any] | None = None,
        now: datetime = RECORDED_AT,
    ) -> Iterator[Client]:
        simulator = Simulator(world or demo_world(), lambda: now)
        if fault:
            simulator.faults.add(**fault)
        live = record_mode == "none" or bool(LIVE_TOKEN)
        with (
            nullcontext(API) if live else simulator.serve() as base_url,
            Client(LIVE_TOKEN or token, base_url=base_url, sleep=lambda _: None, budget=None) as asked,
        ):
            yield asked

    return client


def account() -> str:
    """The account asked for; cassettes know every account as one."""
    return LIVE_ACCOUNT or DEMO_ACCOUNT_ID


def ask_usage(client: Client, asked: Window) -> list[Any]:
    return client.usage_history(account(), asked.grouping, epoch_ms(asked.start), epoch_ms(asked.end)).history


@pytest.mark.parametrize("grouping", ["hour", "day"])
def test_usage_of_a_window_comes_as_the_account_had_it(asking: Ask, grouping: Grouping) -> None:
    """Every bucket of the window with its exact value, the newest first on the wire."""
    asked = Window(grouping, datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    with asking() as client:
        history = ask_usage(client, asked)

    truth = demo_world().truth_usage(DEMO_ACCOUNT_ID, grouping, RECORDED_AT)
    read = buckets.buckets(history, asked, READING)
    rows = [row for row in next(buckets.tables([read])).to_pylist() if not row["withdrawn"]]
    expected = {
        row["start_time"]: Decimal(str(row["aggregated_value"]))
        for row in truth
        if epoch_ms(asked.start) <= row["start_time"] < epoch_ms(asked.end)
    }
    assert {epoch_ms(row["start_time"]): row["aggregated_value"] for row in rows} == expected
    assert [row["start_time"] for row in history] == sorted(expected, reverse=True)
    assert not read.rejected


def test_the_running_bucket_is_seen_when_the_window_reaches_into_the_future(asking: Ask) -> None:
    asked = Window("hour", datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 22, 11, tzinfo=UTC))
    with asking() as client:
        history = ask_usage(client, asked)

    assert max(row["start_time"] for row in history) == epoch_ms(datetime(2026, 11, 22, 10, tzinfo=UTC))


def test_bounds_off_the_hour_give_a_server_error(asking: Ask) -> None:
    with asking() as client, pytest.raises(ServerError):
        client.usage_history(account(), "hour", 1_763_337_661_000, 1_763_341_261_000)


def test_all_pages_of_the_invoice_history_are_read(asking: Ask) -> None:
    with asking() as client:
        listed = client.invoice_history(account())

    truth = demo_world().truth_invoices(DEMO_ACCOUNT_ID, RECORDED_AT)
    rows = [invoice(item, READING) for item in listed]
    assert len(rows) == len(truth) > 50
    assert [row["amount_due"] for row in rows] == [Decimal(str(item["amount_due"])) for item in truth]
    assert {row["status"] for row in rows} >= {"draft", "open", "paid", "uncollectible", "void"}
    assert sum(row["has_surrogate_id"] for row in rows) == 1
    assert "invoice_pdf" not in rows[0]


def test_the_preview_comes_with_its_lines_and_credits(asking: Ask) -> None:
    with asking() as client:
        answer = client.invoice_preview(account())

    preview = row("invoice_preview", answer, READING)
    truth = demo_world().truth("invoice-preview", DEMO_ACCOUNT_ID, RECORDED_AT)
    assert truth is not None
    assert preview["amount_due"] == Decimal(str(truth["amount_due"]))
    assert [line["amount"] for line in preview["invoice_lines"]] == [
        Decimal(str(line["amount"])) for line in truth["invoice_lines"]
    ]
    assert any(line["pretax_credit_amounts"] for line in preview["invoice_lines"])


def test_until_august_the_preview_has_two_lines_for_each_model(asking: Ask) -> None:
    before = datetime(2026, 8, 22, 10, 30, tzinfo=UTC)
    with asking(now=before) as client:
        answer = client.invoice_preview(account())

    lines = row("invoice_preview", answer, READING)["invoice_lines"]
    words = [line["description"] for line in lines if line["description"].startswith("anthropic ")]
    assert words == ["anthropic claude-sonnet-4.5 Input Tokens", "anthropic claude-sonnet-4.5 Output Tokens"]
    assert all(line["quantity"] > 1000 for line in lines if line["description"].endswith("Tokens"))


@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_the_list_of_one_kind_holds_the_purchases_of_that_kind_alone(asking: Ask, kind: str) -> None:
    """What `all` lists besides them are bills for usage."""
    with asking() as client:
        listed = client.invoice_history(account(), kind)

    origins = {item["invoice_origin"] for item in listed}
    assert origins == {kind}


def test_nothing_to_preview_is_no_failure(asking: Ask) -> None:
    with asking(_new_account()) as client:
        assert client.invoice_preview(LIVE_ACCOUNT or NEW_ACCOUNT) is None


def test_a_balance_keeps_its_fractions_of_a_cent(asking: Ask) -> None:
    with asking() as client:
        balance = row("credit_balance", client.credit_balance(account()), READING)

    truth = demo_world().truth("credit-balance", DEMO_ACCOUNT_ID, RECORDED_AT)
    assert truth is not None
    assert balance["balance"] == Decimal(str(truth["balance"]))
    assert balance["balance"] != balance["balance"].to_integral_value()
    assert "payment_method" not in balance


def test_a_new_account_has_a_balance_of_zero(asking: Ask) -> None:
    with asking(_new_account()) as client:
        balance = row("credit_balance", client.credit_balance(LIVE_ACCOUNT or NEW_ACCOUNT), READING)

    assert (balance["balance"], balance["first_topup_success"]) == (0, False)


def test_the_automatic_top_up_is_read_in_cents(asking: Ask) -> None:
    with asking() as client:
        config = row("topup_config", client.topup_config(account()), READING)

    assert (config["amount"], config["threshold"]) == (5000, 1000)


def test_a_spending_limit_is_read(asking: Ask) -> None:
    with asking() as client:
        answer = client.spending_limit(account())

    assert row("spending_limit", answer, READING)["enabled"] is True


def test_no_manual_top_up_yet_is_a_state_and_no_failure(asking: Ask) -> None:
    world = _new_account()
    world.accounts[NEW_ACCOUNT].set_spending_limit(None)
    with asking(world) as client:
        assert client.spending_limit(LIVE_ACCOUNT or NEW_ACCOUNT) is None


def test_the_accounts_of_a_token_are_listed(asking: Ask) -> None:
    with asking() as client:
        listed = client.accounts()

    assert len(listed) == 1
    assert listed[0]["id"] in {ACCOUNT_ID, account()}


@pytest.mark.parametrize("owner", ["user", "account"])
def test_a_working_token_is_verified(asking: Ask, owner: str) -> None:
    world = demo_world()
    world.add_token(DEMO_TOKEN, owner=DEMO_ACCOUNT_ID if owner == "account" else None)
    with asking(world) as client:
        answer = client.verify_token(account() if owner == "account" else None)

    assert answer["status"] == "active"


def test_an_unknown_token_is_an_authentication_error(asking: Ask) -> None:
    with asking(token="unknown-token-of-nobody") as client, pytest.raises(AuthenticationError):  # made up
        client.credit_balance(account())


def test_a_missing_permission_names_the_permission(asking: Ask) -> None:
    world = demo_world()
    world.add_account("f" * 32)
    world.tokens.clear()
    world.add_token(DEMO_TOKEN, reads=[])
    with asking(world) as client, pytest.raises(BillingPermissionError, match="AI Gateway Read"):
        client.credit_balance(account())


def test_a_limited_request_is_asked_again(asking: Ask) -> None:
    fault = {"kind": 429, "endpoint": "credit-balance", "times": 1, "retry_after": 7}
    with asking(fault=fault) as client:
        assert client.credit_balance(account())["balance"]

    assert client.requests == 2


def test_limits_without_end_are_given_up(asking: Ask) -> None:
    fault = {"kind": 429, "endpoint": "credit-balance", "retry_after": 1}
    with asking(fault=fault) as client, pytest.raises(RateLimitedError):
        client.credit_balance(account())


def test_an_outage_of_one_answer_is_bridged(asking: Ask) -> None:
    with asking(fault={"kind": "html_502", "endpoint": "topup/config", "times": 1}) as client:
        assert client.topup_config(account())["amount"] == 5000


def test_a_missing_grouping_is_a_bad_request(asking: Ask) -> None:
    with asking() as client, pytest.raises(BadRequestError):
        client.usage_history(account(), "", 1_763_337_600_000, 1_763_341_200_000)


def _new_account() -> World:
    world = World()
    world.add_account(NEW_ACCOUNT)
    world.add_token(DEMO_TOKEN)
    return world


# --- attribution -----------------------------------------------------------------------------------------------------

HOURS = (datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC))


def test_the_analytics_tell_what_they_offer(asking: Ask) -> None:
    with asking() as client:
        offer = client.analytics.offer(account())

    assert set(offer.fields) == {*SUMS, *DIMENSIONS}
    assert (offer.page_size, offer.kept_s) == (10_000, 31 * 86_400)


def test_estimates_of_two_hours_come_with_every_digit(asking: Ask) -> None:
    with asking() as client:
        rows = client.analytics.groups(account(), ("cost", "datetimeHour", "gateway", "wholesale"), *HOURS, 100)

    assert {row["dimensions"]["datetimeHour"] for row in rows} == {"2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"}
    assert {row["dimensions"]["gateway"] for row in rows} == {"production", "support-bot", "experiments"}
    assert all(isinstance(row["sum"]["cost"], Decimal) for row in rows)


def test_a_query_without_the_permission_gives_no_rows_and_no_error(asking: Ask) -> None:
    world = demo_world()
    world.add_token("silent", analytics="silent")

    with asking(world, "silent") as client:
        assert client.analytics.groups(account(), ("cost",), *HOURS, 100) == []


def test_a_refusal_of_the_analytics_comes_with_200(asking: Ask) -> None:
    world = demo_world()
    world.add_token("refused", analytics="refused")

    with asking(world, "refused") as client, pytest.raises(BillingPermissionError) as refused:
        client.analytics.groups(account(), ("cost",), *HOURS, 100)

    assert refused.value.status == 200


def test_gateways_come_with_their_limits_in_dollars(asking: Ask) -> None:
    with asking() as client:
        production, support, experiments = client.analytics.gateways(account())

    assert [rule["limit"] for rule in production["spend_limit_rules"]] == [2500, 150]
    assert support["spend_limit_rules"][0]["limit"] == Decimal("40.5")
    assert experiments["byok_only"] is True
