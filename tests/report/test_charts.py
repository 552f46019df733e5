"""What a chart shows of its rows: each mark, its colour and its words, the axes, and why there is no chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from ai_gateway_billing_pipeline.report import charts
from ai_gateway_billing_pipeline.report.drawing import Figure
from support.constants import DAY, HOUR, NOW
from support.drawings import MAIN, PALE, Drawing

Row = dict[str, Any]
LAST = date(2026, 11, 22)


def day(amount: str, ago: int = 0, **fields: Any) -> Row:
    row = {"day": LAST - timedelta(ago), "amount": Decimal(amount), "currency": "EUR", "is_complete": ago > 0}
    return {**row, "mean_7d": None, **fields}


def month(number: int, amount: str, forecast: str | None = None) -> Row:
    said = {"month": date(2026, number, 1), "amount": Decimal(amount), "currency": "EUR", "is_complete": not forecast}
    return {**said, "forecast": forecast and Decimal(forecast), "days_known": 22}


def hour(amount: str, ago: int = 0) -> Row:
    return {"hour": NOW - ago * HOUR, "amount": Decimal(amount), "currency": "EUR", "is_complete": True}


def balance(amount: str, seen: datetime, topups: str = "0") -> Row:
    added = {"topups": Decimal(topups), "topup_source": "invoice"}
    return {"valid_from": seen, "balance": Decimal(amount), "currency": "EUR", **added}


def compared(place: str, ratio: str, finding: str | None = "agrees", number: int = 11) -> Row:
    return {
        "month": date(2026, number, 1),
        "place": place,
        "currency": "EUR",
        "ratio": Decimal(ratio),
        "finding": finding,
    }


def mean(weekday: int, number: int, amount: str) -> Row:
    return {"weekday": weekday, "hour": number, "amount": Decimal(amount), "currency": "EUR", "hours": 12}


def usual(amount: str, ago: int, usual: str | None = "2", is_unusual: bool | None = False) -> Row:
    expected = {"usual": usual and Decimal(usual), "is_unusual": is_unusual}
    return {"day": LAST - timedelta(ago), "amount": Decimal(amount), "currency": "EUR", **expected}


EVERY: dict[str, tuple[Callable[[Sequence[Row]], Figure], list[Row]]] = {
    "per_day": (charts.per_day, [day("3", 2), day("4", 1), day("1")]),
    "per_month": (charts.per_month, [month(10, "5"), month(11, "3", "4")]),
    "expensive_hours": (charts.expensive_hours, [hour("3"), hour("2", 5)]),
    "balances": (charts.balances, [balance("9", NOW - DAY), balance("8", NOW)]),
    "comparisons": (charts.comparisons, [compared("daily", "1"), compared("balance", "1.02")]),
    "by_weekday_and_hour": (charts.by_weekday_and_hour, [mean(1, 0, "3"), mean(7, 23, "1")]),
    "unusual_days": (charts.unusual_days, [usual("2", 1), usual("3", 0)]),
}


AMOUNTS = {"amount", "balance", "forecast", "usual"}


def in_yen(rows: list[Row]) -> list[Row]:
    """Of so much that no digit after the point would be needed."""
    grown = {"amount", "balance", "forecast", "usual"}
    return [
        {name: v * 1000 if name in grown and v else v for name, v in row.items()} | {"currency": "JPY"} for row in rows
    ]


# --- of all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_without_rows_a_sentence_stands_in_the_place_of_the_chart(name: str) -> None:
    figure = EVERY[name][0]([])

    assert figure.chart is None
    assert figure.note == figure.title
    assert figure.note.endswith(".")


@pytest.mark.parametrize("name", EVERY)
def test_a_chart_has_a_finding_and_a_line_on_what_is_drawn(name: str) -> None:
    figure = EVERY[name][0](EVERY[name][1])
    texts = Drawing(figure).texts

    assert figure.title in texts
    assert figure.note in texts
    assert figure.note.endswith((".", "%"))


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"comparisons"}))
def test_amounts_are_written_in_the_currency_of_the_rows(name: str) -> None:
    draw, rows = EVERY[name]
    euros, yen = " ".join(Drawing(draw(rows)).texts), " ".join(Drawing(draw(in_yen(rows))).texts)

    assert "€" in euros
    assert "¥" not in euros + "".join(Drawing(draw(rows)).axes)
    assert "¥" in yen
    assert "€" not in yen
    assert "EUR" not in yen


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"comparisons"}))
def test_a_correction_among_the_amounts_can_be_drawn(name: str) -> None:
    draw, rows = EVERY[name]
    corrected = [{each: -value if each in AMOUNTS and value else value for each, value in row.items()} for row in rows]

    assert Drawing(draw([*rows[:1], *corrected[1:]])).texts


# --- days ------------------------------------------------------------------------------------------------------------


def test_each_day_is_a_bar_and_the_open_one_is_pale() -> None:
    drawn = Drawing(charts.per_day([day("3", 2), day("4.25", 1), day("1")]))

    assert drawn.shown("day") == ["Fri 20 Nov 2026", "Sat 21 Nov 2026", "Sun 22 Nov 2026"]
    assert drawn.shown("spend, EUR") == ["3.00", "4.25", "1.00"]
    assert [bar.colour for bar in drawn.marks("bar")] == [MAIN, MAIN, PALE]
    assert {"20 Nov", "21 Nov", "22 Nov", "EUR per UTC day", "whole day", "open day, so far"} <= set(drawn.texts)


def test_a_correction_hangs_below_the_line_on_which_the_others_stand() -> None:
    spent, corrected, nothing = Drawing(charts.per_day([day("3", 2), day("-1", 1), day("0")])).marks("bar")

    assert spent.foot == pytest.approx(corrected.top)
    assert spent.foot - spent.top == pytest.approx(3 * (corrected.foot - corrected.top))
    assert nothing.foot == pytest.approx(nothing.top)


def test_the_mean_of_a_week_is_a_line_and_is_named_only_where_there_is_one() -> None:
    bare, lined = charts.per_day([day("3", 1), day("4")]), charts.per_day([day("3", 1, mean_7d=Decimal(2)), day("4")])

    assert Drawing(bare).marks("line mark") == []
    assert len(Drawing(lined).marks("line mark")) == 1
    assert "mean of seven days" not in bare.note
    assert "mean of seven days" in lined.note


def test_one_day_is_one_bar_with_one_label() -> None:
    drawn = Drawing(charts.per_day([day("3")]))

    assert len(drawn.marks("bar")) == 1
    assert [text for text in drawn.texts if text.endswith(" Nov")] == ["22 Nov"]


def test_of_many_days_some_are_labelled_at_even_distances() -> None:
    drawn = Drawing(charts.per_day([day("3", ago) for ago in range(59, -1, -1)]))
    labels = [text for text in drawn.texts if text.endswith((" Sep", " Oct", " Nov"))]
    days = [datetime.strptime(f"{label} 2026", "%d %b %Y") for label in labels]  # noqa: DTZ007 - a day

    assert len(drawn.marks("bar")) == 60
    assert 5 <= len(days) <= 9
    assert {later - earlier for earlier, later in pairwise(days)} == {days[1] - days[0]}


@pytest.mark.parametrize("rows", [[day("0")], [day("0", 1), day("0")]])
def test_days_that_cost_nothing_are_said_and_not_drawn(rows: list[Row]) -> None:
    figure = charts.per_day(rows)

    assert figure.chart is None
    assert figure.note.startswith("Nothing was spent on")


# --- months ----------------------------------------------------------------------------------------------------------


def test_a_month_that_runs_ends_in_a_pale_part_up_to_its_forecast() -> None:
    figure = charts.per_month([month(10, "5"), month(11, "3", "4.5")])
    october, so_far, rest = Drawing(figure).marks("bar")

    assert [bar.words["spend, EUR"] for bar in (october, so_far, rest)] == ["5.00", "3.00", "1.50"]
    assert [bar.colour for bar in (october, so_far, rest)] == [MAIN, MAIN, PALE]
    assert rest.foot == pytest.approx(so_far.top)
    assert so_far.foot == pytest.approx(october.foot)
    assert Drawing(figure).shown("label", "text mark") == ["€5.00", "€4.50"]
    assert "The pale part is what the forecast" in figure.note


@pytest.mark.parametrize("forecast", [None, "3"])
def test_without_more_to_come_a_month_is_one_bar(forecast: str | None) -> None:
    figure = charts.per_month([month(11, "3", forecast)])

    assert Drawing(figure).shown("spend, EUR") == ["3.00"]
    assert figure.note == "UTC months."


def test_months_that_cost_nothing_are_said_and_not_drawn() -> None:
    assert charts.per_month([month(10, "0")]).note == "Nothing was spent in October 2026."


# --- hours -----------------------------------------------------------------------------------------------------------


def test_expensive_hours_stand_in_their_order_with_their_amounts_and_have_room_for_them() -> None:
    drawn = Drawing(charts.expensive_hours([hour("3"), hour("2.5", 5), hour("0.004", 7)]))

    assert drawn.shown("hour") == [
        "Sun 22 Nov 2026, 10:30 UTC", "Sun 22 Nov 2026, 05:30 UTC", "Sun 22 Nov 2026, 03:30 UTC",
    ]  # fmt: skip
    assert drawn.shown("label", "text mark") == ["€3.00", "€2.50", "<€0.01"]
    tops = [bar.top for bar in drawn.marks("bar")]
    assert tops == sorted(tops)


def test_every_hour_of_the_week_has_a_place_on_the_map_from_monday_on() -> None:
    drawn = Drawing(charts.by_weekday_and_hour([mean(7, 23, "1"), mean(1, 0, "3"), mean(3, 12, "2")]))

    cells = {mark.words["weekday"]: mark for mark in drawn.marks("rect mark")}
    assert [(name, cells[name].words["hour"], cells[name].words["mean, EUR"]) for name in ("Mon", "Wed", "Sun")] == [
        ("Mon", "0", "3.00"), ("Wed", "12", "2.00"), ("Sun", "23", "1.00"),
    ]  # fmt: skip
    assert cells["Mon"].top < cells["Wed"].top < cells["Sun"].top
    assert len({cell.colour for cell in cells.values()}) == 3


def test_a_week_that_costs_nothing_is_no_map() -> None:
    assert charts.by_weekday_and_hour([mean(1, 0, "0")]).chart is None


# --- credit ----------------------------------------------------------------------------------------------------------


def test_credit_is_a_line_of_steps_with_a_dot_where_some_was_added() -> None:
    rows = [
        balance("9", NOW - 3 * DAY),
        balance("-1", NOW - 2 * DAY),
        balance("49", NOW - DAY, "50"),
        balance("48", NOW),
    ]
    drawn = Drawing(charts.balances(rows))

    assert len(drawn.marks("line mark")) == 1
    assert drawn.shown("added, EUR", "point") == ["50.00"]
    assert drawn.shown("seen", "point") == ["21 Nov 2026 10:30 UTC"]
    assert "EUR of credit" in drawn.texts


def test_one_balance_is_no_line() -> None:
    assert charts.balances([balance("9", NOW)]).chart is None


# --- whether it agrees -----------------------------------------------------------------------------------------------


def test_a_hundredfold_error_is_as_far_up_as_down_and_equal_amounts_are_on_the_line() -> None:
    rows = [
        compared("preview_gross", "100", "unit error"),
        compared("balance", "1"),
        compared("invoices", "0.01", None),
    ]
    drawn = Drawing(charts.comparisons(rows))

    assert {mark.words["place"]: mark.words["finding"] for mark in drawn.marks("point")} == {
        "preview, gross": "unit error", "balance drop": "agrees", "credit bought": "cannot tell",
    }  # fmt: skip
    assert drawn.shown("ratio", "rule mark") == ["1"]
    assert [text for text in drawn.texts if text in {"0.01", "0.1", "1", "10", "100"}] == [
        "0.01",
        "0.1",
        "1",
        "10",
        "100",
    ]


@pytest.mark.parametrize("place", ["daily", "preview_gross", "preview_net", "balance", "invoices", "estimate"])
def test_every_place_that_is_compared_has_a_name_and_a_colour_of_its_own(place: str) -> None:
    others = [compared(each, "1") for each in ("daily", "balance") if each != place]
    points = Drawing(charts.comparisons([compared(place, "1"), *others])).marks("point")

    assert len({mark.words["place"] for mark in points}) == len(points)
    assert len({mark.colour for mark in points}) == len(points)
    assert "_" not in points[0].words["place"]


# --- what is unusual -------------------------------------------------------------------------------------------------


def test_an_unusual_day_has_a_dot_beside_the_line_of_what_is_usual() -> None:
    rows = [usual("2", 3), usual("9", 2, is_unusual=True), usual("2", 1), usual("1", 0, None, None)]
    drawn = Drawing(charts.unusual_days(rows))

    assert drawn.shown("day", "point") == ["Fri 20 Nov 2026"]
    assert drawn.shown("spend, EUR", "point") == ["9.00"]
    assert drawn.shown("usual, EUR", "point") == ["2.00"]
    assert len(drawn.marks("line mark")) == 2


def test_where_nothing_is_usual_yet_nothing_is_drawn() -> None:
    assert charts.unusual_days([usual("2", 1, None, None)]).chart is None
