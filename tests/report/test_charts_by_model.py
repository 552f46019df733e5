"""What each model costs, as it is seen: bars as long as their amounts, one colour each, and no two currencies mixed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from ai_gateway_billing_pipeline.report import charts_by_model
from ai_gateway_billing_pipeline.report.questions import OTHER_MODELS
from support.drawings import Drawing

Row = dict[str, Any]


def month(model: str, gross: str, share: str | None = None, currency: str = "EUR", **fields: Any) -> Row:
    """A model in a billing month."""
    amounts = {"gross": Decimal(gross), "credits": Decimal(1), "net": Decimal(gross) - 1}
    row = {"billing_month": date(2026, 11, 1), "currency": currency, "model": model, "is_closed": False, **amounts}
    return {**row, "share": share and Decimal(share), **fields}


def day(number: int, model: str, gross: str, currency: str = "EUR") -> Row:
    return {
        "day": date(2026, 11, number), "currency": currency, "model": model, "gross": Decimal(gross),
        "is_estimate": True,
    }  # fmt: skip


# --- in a month ------------------------------------------------------------------------------------------------------


def test_models_stand_in_their_order_as_long_as_what_they_cost() -> None:
    drawn = Drawing(charts_by_model.per_model([month("zeta", "6", "0.75"), month("alpha", "2", "0.25")]))

    first, second = drawn.marks("bar")
    assert [bar.words["model"] for bar in (first, second)] == ["zeta", "alpha"]
    assert [bar.words["gross, EUR"] for bar in (first, second)] == ["6.00", "2.00"]
    assert [bar.words["net, EUR"] for bar in (first, second)] == ["5.00", "1.00"]
    assert first.top < second.top
    assert first.width == pytest.approx(3 * second.width, rel=1e-5)
    assert {"zeta", "alpha", "€6.00 · 75%", "€2.00 · 25%"} <= set(drawn.texts)


@pytest.mark.parametrize(
    ("share", "label"), [(None, "€2.00"), ("1.5", "€2.00"), ("-0.5", "€2.00"), ("1", "€2.00 · 100%")]
)
def test_a_share_that_is_no_part_of_the_whole_is_not_written(share: str | None, label: str) -> None:
    assert label in Drawing(charts_by_model.per_model([month("m", "2", share)])).texts


def test_a_correction_goes_to_the_other_side_of_nothing() -> None:
    spent, corrected = Drawing(charts_by_model.per_model([month("m", "4"), month("n", "-2")])).marks("bar")

    assert corrected.right == pytest.approx(spent.left)
    assert spent.width == pytest.approx(2 * corrected.width, rel=1e-5)


def test_bars_of_another_currency_begin_anew_and_that_is_said() -> None:
    rows = [month("m", "3"), month("n", "1"), month("m", "900", currency="JPY"), month("o", "300", currency="JPY")]
    figure = charts_by_model.per_model(rows)
    widths = [bar.width for bar in Drawing(figure).marks("bar")]

    assert widths == pytest.approx([widths[0], widths[0] / 3] * 2, rel=1e-5)
    assert {"€3.00", "¥900"} <= set(Drawing(figure).texts)
    assert "Bars of different currencies cannot be compared." in figure.note
    assert "cannot be compared" not in charts_by_model.per_model(rows[:2]).note


def test_whether_the_month_is_over_is_said() -> None:
    assert "which is still open." in charts_by_model.per_model([month("m", "3")]).note
    assert "still open" not in charts_by_model.per_model([month("m", "3", is_closed=True)]).note


def test_without_a_cost_there_is_no_chart_but_a_reason() -> None:
    unread, free = charts_by_model.per_model([]), charts_by_model.per_model([month("m", "0")])

    assert (unread.chart, free.chart) == (None, None)
    assert unread.note.startswith("No invoice preview has been read yet")
    assert free.note == "In November 2026 so far, no model cost anything."


# --- day by day ------------------------------------------------------------------------------------------------------


def test_models_of_a_day_are_stacked_the_most_expensive_at_the_foot_and_the_others_on_top() -> None:
    rows = [day(1, "small", "1"), day(1, OTHER_MODELS, "9"), day(1, "large", "3"), day(2, "large", "2")]
    drawn = Drawing(charts_by_model.per_model_and_day(rows))

    first = {bar.words["model"]: bar for bar in drawn.marks("bar") if bar.words["day"] == "Sun 1 Nov 2026"}
    assert {name: bar.words["estimate, EUR"] for name, bar in first.items()} == {
        "large": "3.00", "small": "1.00", OTHER_MODELS: "9.00",
    }  # fmt: skip
    assert first["large"].top == pytest.approx(first["small"].foot)
    assert first["small"].top == pytest.approx(first[OTHER_MODELS].foot)
    assert [text for text in drawn.texts if text in first] == ["large", "small", OTHER_MODELS]


def test_a_model_keeps_its_colour_and_shares_it_with_no_other() -> None:
    models = [f"m{n}" for n in range(6)] + [OTHER_MODELS]
    bars = Drawing(charts_by_model.per_model_and_day([day(n, model, "1") for n in (1, 2) for model in models])).marks(
        "bar"
    )

    assert len({(bar.words["model"], bar.colour) for bar in bars}) == 7
    assert len({bar.colour for bar in bars}) == 7


def test_a_correction_hangs_below_the_day() -> None:
    drawn = Drawing(charts_by_model.per_model_and_day([day(1, "m", "3"), day(1, "n", "-1"), day(2, "m", "1")]))

    spent, corrected = (bar for bar in drawn.marks("bar") if bar.words["day"] == "Sun 1 Nov 2026")
    assert spent.foot == pytest.approx(corrected.top)


def test_one_currency_is_drawn_and_that_is_said() -> None:
    euros = [day(1, "m", "3"), day(2, "m", "4"), day(3, "m", "5")]
    dollars = [day(1, "m", "900", "USD"), day(2, "m", "900", "USD")]
    both, alone = charts_by_model.per_model_and_day(dollars + euros), charts_by_model.per_model_and_day(euros)

    assert Drawing(both).shown("estimate, EUR") == ["3.00", "4.00", "5.00"]
    assert "EUR per UTC day" in Drawing(both).texts
    assert both.note.endswith("Only EUR is drawn.")
    assert "Only" not in alone.note


@pytest.mark.parametrize("rows", [[], [day(1, "m", "3"), day(1, "n", "4")]], ids=["none", "of one day"])
def test_one_day_is_no_course_of_days(rows: list[Row]) -> None:
    figure = charts_by_model.per_model_and_day(rows)

    assert figure.chart is None
    assert "at least two days" in figure.note
