"""Whole loads on machines whose clock is wrong: every view says what it says where the clock was right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing_pipeline.database import checks, views
from support.bench import SNAPSHOTS, Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, TODAY
from support.samples import fill, invoice, line, preview

MINUTE = timedelta(minutes=1)
SOON = timedelta(minutes=10)
RIGHT = timedelta()
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]


def first(bench: Bench) -> None:
    account = bench.account()
    fill(account)
    account.set_balance(5000)
    account.set_preview(preview(100, line("openai/gpt-5.5", 100)))
    account.put_invoice(invoice("in_stays", created=int((NOW - DAY).timestamp())), key="stays")
    account.put_invoice(invoice("in_gone", status="draft", created=int((NOW - DAY).timestamp())), key="goes")


def second(bench: Bench) -> None:
    account = bench.world.accounts[ACCOUNT]
    account.set_balance(4200)
    account.set_preview(preview(250, line("openai/gpt-5.5", 250)))
    account.delete_invoice("goes")
    account.set_hour(TODAY + 10 * HOUR, "12.5")


def third(bench: Bench) -> None:
    account = bench.world.accounts[ACCOUNT]
    account.set_balance(3000)
    account.set_preview(preview(300, line("openai/gpt-5.5", 300)))
    account.put_invoice(invoice("in_new", created=int((NOW + 20 * HOUR).timestamp())), key="new")
    account.set_hour(TODAY + 30 * HOUR, "7")


STEPS: Sequence[tuple[timedelta, Callable[[Bench], None]]] = ((RIGHT, first), (SOON, second), (26 * HOUR, third))


def history(folder: Path, wrong: Sequence[timedelta], **options: Any) -> Bench:
    """A load after each step, on a clock that is wrong by so much in each."""
    bench = Bench(folder)
    for (later, change), error in zip(STEPS, wrong, strict=False):
        bench.server_now = NOW + later
        bench.now = NOW + later + error
        change(bench)
        bench.load_well(**({} if error == RIGHT else options))
    return bench


def seen(bench: Bench) -> dict[str, list[Any]]:
    """Every view, but for ids that dlt draws."""
    asked = [
        f"select * exclude (version_id) from spend.{name} order by all"
        if name == "previews"
        else f"from spend.{name} order by all"
        for name in VIEWS
    ]
    return {name: bench.rows(query) for name, query in zip(VIEWS, views.once(bench.published, asked), strict=True)}


def findings(bench: Bench) -> set[str]:
    return {found.check for found in checks.findings(bench.published, bench.true_now) if found.severity == "error"}


def slow(*wrong: timedelta) -> Any:
    """Clocks of which the one beside them has each fault, in one history."""
    return pytest.param(wrong, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The history of a clock that was always right."""
    bench = history(tmp_path_factory.mktemp("right"), [RIGHT] * 3)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "wrong",
    [
        slow(60 * DAY, RIGHT, RIGHT),
        slow(RIGHT, HOUR, RIGHT),
        slow(RIGHT, 20 * MINUTE, -20 * MINUTE),
        slow(-HOUR, RIGHT, RIGHT),
        slow(-60 * DAY, -60 * DAY, -60 * DAY),
        (60 * DAY, -400 * DAY, HOUR),
    ],
    ids=str,
)
def test_every_view_is_what_a_right_clock_makes_it(
    right: Bench, tmp_path: Path, wrong: Sequence[timedelta], caplog: pytest.LogCaptureFixture
) -> None:
    bench = history(tmp_path, wrong)

    assert seen(bench) == seen(right)
    bench.assert_equals_world()
    assert "wrong_times" not in findings(bench)
    told = [each for each in caplog.messages if "clock is" in each]
    assert len(told) == sum(error != RIGHT for error in wrong), "once in each load"
    bench.close()


def test_a_few_minutes_are_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = history(tmp_path, [2 * MINUTE])

    assert not caplog.messages
    assert bench.one("select max(last_attempt_at) from {raw}.load_status") == NOW
    bench.close()


@pytest.mark.parametrize(
    "wrong",
    [
        slow(60 * DAY, RIGHT, RIGHT),
        slow(RIGHT, HOUR, RIGHT),
        pytest.param((HOUR, 60 * DAY, RIGHT), marks=pytest.mark.thorough),
    ],
    ids=str,
)
def test_what_a_trusted_wrong_clock_wrote_is_found_and_then_mended(
    right: Bench, tmp_path: Path, wrong: Sequence[timedelta]
) -> None:
    before = history(tmp_path / "before", wrong[:2] if wrong[1] else wrong[:1], trust_clock=True)
    assert "wrong_times" in findings(before)
    before.close()

    bench = history(tmp_path / "after", wrong, trust_clock=True)

    assert "wrong_times" not in findings(bench)
    for query in (
        "select as_of, month, balance, days_left, month_end_forecast from spend.runway",
        "select * from spend.accounts",
        "select invoice_id, is_listed, is_settled from spend.invoices order by all",
        "select model, gross, is_closed, is_final from spend.by_model order by all",
        "select balance, change, topups, drawdown, is_current from spend.balance order by balance",
        "select * from spend.daily order by all",
        "select * from spend.focus order by all",
    ):
        assert bench.rows(query) == right.rows(query), query
    for table in SNAPSHOTS:
        assert bench.one(f"select count(*) from {{raw}}.{table} where _dlt_valid_to <= _dlt_valid_from") == 0
    assert bench.rows("select count(*), count(distinct _dlt_valid_from) from {raw}.credit_balance") == [(3, 3)]
    bench.close()


def test_a_trusted_clock_dates_everything(tmp_path: Path) -> None:
    bench = history(tmp_path, [60 * DAY], trust_clock=True)

    assert bench.one("select max(last_attempt_at) from {raw}.load_status") == NOW + 60 * DAY
    assert bench.one("select max(last_listed_at) from {raw}.invoices") == NOW + 60 * DAY
    assert bench.one("select max(_dlt_valid_from) from {raw}.credit_balance") == NOW + 60 * DAY
    assert bench.one("select max(read_at) from {raw}.usage_coverage") == NOW, "no usage is covered that was not there"
    bench.close()
