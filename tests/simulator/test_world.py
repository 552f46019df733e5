"""The simulated account is believable, exact, and has one past, whenever one asks; tests can change it by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_START, REMOVED, Account, Bucket, World, demo_world
from support.constants import DAY, HOUR, NOW, TODAY

SETTLED = timedelta(days=4, hours=1)
ID = "0" * 31 + "1"
PINNED = (3256, Decimal("54668.724265901"))
PINNED_BALANCE = Decimal("2352.928172926")


def demo() -> Account:
    return demo_world().accounts[DEMO_ACCOUNT_ID]


@pytest.fixture(scope="module")
def account() -> Account:
    """The demo's account, built once: read it only."""
    return demo()


@pytest.fixture
def world() -> World:
    """One account put together by hand."""
    world = World()
    world.add_account(ID)
    return world


def values(buckets: list[Bucket]) -> dict[datetime, Decimal]:
    return {bucket.start: bucket.value for bucket in buckets}


@pytest.mark.parametrize("grouping", ["hour", "day"])
@pytest.mark.parametrize("later", [timedelta(minutes=7), HOUR, DAY, timedelta(days=400)])
def test_the_settled_past_is_the_same_whenever_one_asks(account: Account, grouping: str, later: timedelta) -> None:
    settled = int((TODAY - SETTLED).timestamp()) // 86400 * 86400

    asked_then = demo().buckets(grouping, NOW, end_s=settled)
    asked_later = demo().buckets(grouping, NOW + later, end_s=settled)

    assert asked_then == asked_later == account.buckets(grouping, NOW, end_s=settled)
    assert len(asked_then) > (9000 if grouping == "hour" else 400)


def test_a_clock_that_goes_back_sees_what_it_saw() -> None:
    account = demo()
    before = (account.buckets("hour", NOW), account.invoices(NOW), account.balance(NOW), account.preview(NOW))

    account.buckets("hour", NOW + 40 * DAY)
    account.balance(NOW + 40 * DAY)

    again = (account.buckets("hour", NOW), account.invoices(NOW), account.balance(NOW), account.preview(NOW))
    assert again == before


def test_the_demos_past_is_pinned(account: Account) -> None:
    """A new version must not rewrite what an older one has loaded."""
    january = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    buckets = account.buckets("hour", NOW, end_s=january)

    assert (len(buckets), sum(bucket.value for bucket in buckets)) == PINNED
    assert account.balance(datetime(2026, 1, 10, tzinfo=UTC))["balance"] == PINNED_BALANCE


def test_hours_sum_to_their_day_exactly(account: Account) -> None:
    hours: Counter[datetime] = Counter()
    for bucket in account.buckets("hour", NOW):
        hours[bucket.start.replace(hour=0)] += bucket.value  # type: ignore[assignment]  # Counter adds what it is given

    assert dict(hours) == values(account.buckets("day", NOW))


def test_buckets_are_positive_aligned_and_distinct(account: Account) -> None:
    buckets = account.buckets("hour", NOW)

    assert all(bucket.value > 0 and bucket.start_s % 3600 == 0 for bucket in buckets)
    assert all(bucket.end - bucket.start == HOUR for bucket in buckets)
    assert len({bucket.id for bucket in buckets}) == len({bucket.start for bucket in buckets}) == len(buckets)
    assert buckets[0].start == NOW.replace(minute=0)
    assert buckets[-1].start >= DEMO_START


def test_amounts_are_fractions_of_cents(account: Account) -> None:
    buckets = account.buckets("hour", NOW)

    assert sum(bucket.value != bucket.value.to_integral_value() for bucket in buckets) > len(buckets) * 0.99


def test_some_hours_are_silent_most_of_them_at_night(account: Account) -> None:
    seen = {bucket.start for bucket in account.buckets("hour", NOW)}
    every = (DEMO_START + HOUR * n for n in range((NOW - DEMO_START) // HOUR))

    silent = [hour for hour in every if hour not in seen and (hour.month, hour.day) not in ((12, 25), (1, 1))]

    assert 500 < len(silent) < 2500
    assert sum(hour.hour < 6 or hour.hour == 23 for hour in silent) > len(silent) * 0.8
    assert datetime(2025, 12, 25, tzinfo=UTC) not in values(account.buckets("day", NOW))


def test_working_days_are_busier_than_weekends_and_usage_grows(account: Account) -> None:
    days = account.buckets("day", NOW)
    weekend = [day.value for day in days if day.start.weekday() >= 5]
    working = [day.value for day in days if day.start.weekday() < 5]
    first, last = [day.value for day in days[-60:]], [day.value for day in days[:60]]

    assert sum(working) / len(working) > 2 * sum(weekend) / len(weekend)
    assert sum(last) > 2 * sum(first)


def test_one_afternoon_stands_out(account: Account) -> None:
    hours = values(account.buckets("hour", NOW))

    spike = datetime(2026, 2, 11, 14, tzinfo=UTC)
    usual = max(hours[spike - DAY * back] for back in (1, 2, 7, 8))
    assert hours[spike] > 4 * usual


def test_late_events_let_closed_hours_grow_until_they_settle() -> None:
    account = demo()
    hour = TODAY - 10 * DAY
    window = int(hour.timestamp()), int((hour + DAY).timestamp())
    moments = [hour + DAY + HOUR * n for n in range(0, 101, 4)]
    read = [values(account.buckets("hour", moment, *window)) for moment in moments]

    for earlier, later in pairwise(read):
        assert all(later[start] >= value for start, value in earlier.items())
    assert 0 < sum(read[0].get(start) != value for start, value in read[-1].items()) < 12
    assert read[-1] == read[-2] == values(account.buckets("hour", hour + 60 * DAY, *window))


def test_the_running_bucket_grows_by_the_minute(account: Account) -> None:
    hour = datetime(2026, 11, 19, 14, tzinfo=UTC)
    early, late = (account.buckets("hour", hour + timedelta(minutes=n))[0] for n in (10, 50))

    assert early.start == late.start == hour
    assert 0 < early.value < late.value


def test_invoices_fill_pages_and_have_every_status(account: Account) -> None:
    invoices = account.invoices(NOW)

    assert len(invoices) > 50
    assert {each["status"] for each in invoices} == {"draft", "open", "paid", "uncollectible", "void"}
    assert [each["created"] for each in invoices] == sorted((each["created"] for each in invoices), reverse=True)
    assert sum(each["id"] is None for each in invoices) == 1
    assert len({each["id"] for each in invoices}) == len(invoices)
    assert all(each["amount_due"] == each["amount_paid"] + each["amount_remaining"] for each in invoices)


def test_balance_is_paid_credits_without_the_fee_minus_usage(account: Account) -> None:
    for now in (NOW, datetime(2025, 8, 20, 3, 7, tzinfo=UTC), datetime(2025, 12, 11, 1, tzinfo=UTC)):
        bought = sum(Decimal(each["amount_paid"]) / Decimal("1.05") for each in account.invoices(now))
        used = sum(bucket.value for bucket in account.buckets("hour", now))
        assert account.balance(now)["balance"] == bought - used


def test_automatic_topups_follow_the_threshold_and_one_fails(account: Account) -> None:
    failed = next(each for each in account.invoices(NOW) if each["status"] == "uncollectible")
    at = datetime.fromtimestamp(failed["created"], UTC)
    broken, mended = (account.topup_config(at + delay) for delay in (HOUR, 2 * DAY))

    assert account.topup_config(DEMO_START + DAY)["amount"] == 0
    assert (broken["disabledReason"], broken["lastFailedAt"]) == ("payment_failed", failed["created"] * 1000)
    assert account.balance(at + timedelta(minutes=1))["balance"] < broken["threshold"]
    assert mended["disabledReason"] is None
    assert next(e for e in account.invoices(at + DAY) if e["id"] == failed["id"])["status"] == "open"


def test_the_preview_at_the_first_instant_of_a_month_has_no_lines() -> None:
    found = demo().preview(datetime(2026, 11, 1, tzinfo=UTC))

    assert found
    assert found["invoice_lines"] == []


def test_preview_lines_follow_usage_and_miss_the_amount_due(account: Account) -> None:
    preview = account.preview(NOW)
    assert preview is not None
    lines = preview["invoice_lines"]
    used = sum(day.value for day in account.buckets("day", NOW) if day.start.month == 11 and day.start.year == 2026)
    gross = sum(line["amount"] for line in lines)
    reductions = sum(each["amount"] for line in lines for each in line.get("pretax_credit_amounts", ()))

    assert abs(gross - used) <= len(lines)
    assert 0 < preview["amount_due"] - (gross - reductions) < gross // 100
    descriptions = [line["description"] for line in lines]
    assert "Workers AI prepaid" in descriptions
    assert "openai/gpt-5.5" in descriptions
    assert len(set(descriptions)) == len(descriptions), "one total per model"
    assert preview["period_start"] == datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert preview["period_end"] == datetime(2026, 12, 1, tzinfo=UTC).timestamp()


def test_until_august_a_model_has_a_line_for_what_goes_in_and_one_for_what_comes_out(account: Account) -> None:
    before, after = (account.preview(datetime(2026, month, 20, tzinfo=UTC)) for month in (8, 9))
    assert before
    assert after
    old = {line["description"]: line for line in before["invoice_lines"]}
    new = [line["description"] for line in after["invoice_lines"]]

    assert {"anthropic claude-sonnet-4.5 Input Tokens", "anthropic claude-sonnet-4.5 Output Tokens"} < set(old)
    assert {"anthropic/claude-sonnet-4.5", "openai/gpt-5.5", "Workers AI prepaid"} < set(new)
    assert not [words for words in new if words.endswith("Tokens")]
    for words, line in old.items():
        if words.endswith("Tokens"):
            price = Decimal(line["pricing"]["unit_amount_decimal"])
            assert abs(line["quantity"] * price - line["amount"]) <= 2, words
    used = sum(
        day.value
        for day in account.buckets("day", datetime(2026, 8, 20, tzinfo=UTC))
        if day.start.month == 8 and day.start.year == 2026
    )
    assert abs(sum(line["amount"] for line in old.values()) - used) <= len(old)


def paid(account: Account, origin: str, now: datetime = NOW) -> dict[datetime, int]:
    return {
        datetime.fromtimestamp(each["created"], UTC): each["amount_paid"]
        for each in account.invoices(now)
        if each["invoice_origin"] == origin and each["status"] == "paid"
    }


def usage_world(meaning: str) -> Account:
    """An account whose credit runs out after the first weeks, as usage invoices of that meaning show it."""
    world = World()
    return world.add_generated_account(
        ID, start=datetime(2026, 6, 1, tzinfo=UTC), size=300, usage_invoices=meaning, tops_up=False
    )


@pytest.mark.parametrize("meaning", ["zero", "uncovered", "full"])
def test_every_month_begins_with_an_invoice_for_the_usage_of_the_month_before(meaning: str) -> None:
    account = usage_world(meaning)
    invoices = paid(account, "monthly")
    days = values(account.buckets("day", NOW))

    assert [(day.month, day.day, day.hour) for day in sorted(invoices)] == [(month, 1, 0) for month in range(7, 12)]
    for created, amount in invoices.items():
        month = sum(value for day, value in days.items() if day.month == created.month - 1)
        if meaning == "zero":
            assert amount == 0
        elif meaning == "full":
            assert 0 <= amount - month < 1
        else:
            assert 0 <= amount <= month + 1
    bought = sum(paid(account, "manual").values())
    if meaning == "uncovered":
        assert bought < sum(days.values())
        assert 0 < sum(invoices.values()) < sum(days.values())


@pytest.mark.parametrize("meaning", ["uncovered", "full"])
def test_the_debt_of_a_month_is_paid_with_its_usage_invoice(meaning: str) -> None:
    account = usage_world(meaning)
    first = datetime(2026, 9, 1, tzinfo=UTC)
    before, after = (account.balance(moment)["balance"] for moment in (first, first + 2 * HOUR))

    assert before < -1000
    assert -500 < after < 1
    assert usage_world("zero").balance(first + 2 * HOUR)["balance"] < before


def test_a_meaning_that_nobody_thought_of_is_refused() -> None:
    with pytest.raises(ValueError, match="uncovered"):
        usage_world("half")


def test_accounts_of_one_world_differ() -> None:
    world = demo_world(3)

    spent = {sum(b.value for b in each.buckets("day", NOW)) for each in world.accounts.values()}
    assert len(spent) == 3
    assert len({each.name for each in world.accounts.values()}) == 3


def test_buckets_by_hand_are_answered_as_they_were_put(world: World) -> None:
    account = world.accounts[ID]
    account.set_hour(TODAY, "1.5", 2, ids=["first"])
    account.add_bucket("hour", TODAY, "0.25", "third")

    rows = world.truth_usage(ID, "hour", NOW)

    assert [(row["id"], row["aggregated_value"]) for row in rows][::2] == [
        ("third", Decimal("0.25")),
        ("first", Decimal("1.5")),
    ]
    assert values(account.buckets("day", NOW)) == {TODAY: Decimal("3.75")}


def test_buckets_can_be_withdrawn_renamed_and_given_back() -> None:
    account, hour = demo(), TODAY - 20 * DAY + 14 * HOUR
    start, end = int(hour.timestamp()), int((hour + HOUR).timestamp())
    (original,) = account.buckets("hour", NOW, start, end)
    day_before = values(account.buckets("day", NOW))[hour.replace(hour=0)]

    account.reid("hour", hour)
    (renamed,) = account.buckets("hour", NOW, start, end)
    account.withdraw("hour", hour)
    withdrawn = account.buckets("hour", NOW, start, end)
    day_without = values(account.buckets("day", NOW))[hour.replace(hour=0)]
    account.as_generated("hour", hour)

    assert renamed.value == original.value
    assert renamed.id != original.id
    assert withdrawn == []
    assert day_without == day_before - original.value
    assert account.buckets("hour", NOW, start, end) == [renamed]
    assert values(account.buckets("day", NOW))[hour.replace(hour=0)] == day_before


def test_a_day_by_hand_wins_over_its_hours(world: World) -> None:
    account = world.accounts[ID]
    account.set_hour(TODAY, 5)
    account.set_day(TODAY, 7)
    assert values(account.buckets("day", NOW)) == {TODAY: Decimal(7)}

    account.as_generated("day", TODAY)
    assert values(account.buckets("day", NOW)) == {TODAY: Decimal(5)}


def test_buckets_of_the_future_wait_for_their_time(world: World) -> None:
    account = world.accounts[ID]
    account.set_hour(TODAY + 10 * HOUR, 1)
    account.set_hour(TODAY + 11 * HOUR, 2)

    assert [bucket.value for bucket in account.buckets("hour", NOW)] == [1]
    assert [bucket.value for bucket in account.buckets("day", NOW)] == [1]
    assert [bucket.value for bucket in account.buckets("day", NOW + HOUR)] == [3]


def test_renamed_buckets_by_hand_keep_their_values(world: World) -> None:
    account = world.accounts[ID]
    account.set_hour(TODAY, 1, 2, ids=["a", "b"])

    account.reid("hour", TODAY)
    renamed = account.buckets("hour", NOW)

    assert [bucket.value for bucket in renamed] == [1, 2]
    assert not {"a", "b"} & {bucket.id for bucket in renamed}


def test_before_its_first_hour_an_account_is_empty(account: Account) -> None:
    before = DEMO_START - HOUR

    assert (account.buckets("hour", before), account.invoices(before)) == ([], [])
    assert account.preview(before) is None
    assert account.balance(before)["balance"] == 0


def test_buckets_must_be_aligned_and_moments_have_a_zone(world: World) -> None:
    with pytest.raises(ValueError, match="starts no UTC hour"):
        world.accounts[ID].set_hour(NOW, 1)
    with pytest.raises(ValueError, match="time zone"):
        world.accounts[ID].set_hour(datetime(2026, 1, 1), 1)  # noqa: DTZ001 - the mistake under test


def test_invoices_can_be_put_changed_and_deleted(world: World) -> None:
    account = world.accounts[ID]
    amounts = {"amount_due": 1, "amount_paid": 0, "amount_remaining": 1, "currency": "usd"}
    key = account.put_invoice({"id": "in_1", "created": 10, "status": "open", **amounts})
    nameless = account.put_invoice({"id": None, "created": 20, **amounts})
    account.put_invoice({"id": "in_1", "created": 10, "status": "draft", **amounts})
    account.change_invoice(nameless, NOW, status="void")

    assert [(each["id"], each["status"]) for each in world.truth_invoices(ID, NOW)] == [
        (None, "void"),
        ("in_1", "draft"),
    ]
    assert account.invoice_keys(NOW) == [nameless, key]
    account.delete_invoice(key)
    assert account.invoice_keys(NOW) == [nameless]


def test_generated_invoices_can_be_changed_and_deleted() -> None:
    account = demo()
    first, second = account.invoice_keys(NOW)[:2]

    account.change_invoice(first, NOW, status="void")
    account.delete_invoice(second)

    assert account.invoices(NOW)[0]["status"] == "void"
    assert second not in account.invoice_keys(NOW)
    assert len(account.invoices(NOW)) == len(demo().invoices(NOW)) - 1


def test_snapshots_by_hand_win(world: World) -> None:
    account = world.accounts[ID]
    account.set_balance(Decimal("-12.5"), first_topup_success=True)
    account.set_topup_config({"amount": None, "threshold": None})
    account.set_topup_limits({"min_cents": 1, "max_cents": 2, "currency": "EUR"})
    account.set_spending_limit({"enabled": False, "config": {}})
    account.set_preview({"id": "p"})

    balance = world.truth("credit-balance", ID, NOW)
    assert balance is not None
    assert (balance["balance"], balance["first_topup_success"]) == (Decimal("-12.5"), True)
    assert balance["topup_config"] == world.truth("topup/config", ID, NOW) == {"amount": None, "threshold": None}
    assert world.truth("topup/limits", ID, NOW) == {"min_cents": 1, "max_cents": 2, "currency": "EUR"}
    assert world.truth("spending-limit", ID, NOW) == {"enabled": False, "config": {}}
    assert world.truth("invoice-preview", ID, NOW) == {"id": "p"}


def test_what_is_injected_shows_in_answers_and_truth_alone(world: World) -> None:
    account = world.accounts[ID]
    account.set_hour(TODAY, 3)
    world.inject("usage-history", "history.*.model", "x/y")
    world.inject("usage-history", "history.*.aggregated_value", str)
    world.inject("usage-history", "history.*.end_time", REMOVED)
    world.inject("credit-balance", "topup_config.extra", {"deep": [1]})
    world.inject("credit-balance", "balance", None, account_id="another")

    (row,) = world.truth_usage(ID, "hour", NOW)
    balance: Any = world.truth("credit-balance", ID, NOW)
    assert (row["model"], row["aggregated_value"]) == ("x/y", "3")
    assert "end_time" not in row
    assert balance["topup_config"]["extra"] == {"deep": [1]}
    assert balance["balance"] == 0
    assert "extra" not in account.balance(NOW)["topup_config"]

    world.clear_injections()
    assert "end_time" in world.truth_usage(ID, "hour", NOW)[0]


def test_an_unknown_endpoint_cannot_be_injected(world: World) -> None:
    with pytest.raises(ValueError, match="usage-history"):
        world.inject("usage", "x", 1)
