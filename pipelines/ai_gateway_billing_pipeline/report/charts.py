"""Charts of the rows that `questions` give. Needs Altair; whoever imports this says so when it is missing.

Each function returns a `Figure`: the finding as title, a line on what is drawn, and the chart, or no chart where there
is too little to draw.
"""

from collections.abc import Sequence

import altair as alt

from ai_gateway_billing_pipeline.database.scope import Row

from . import encodings, formats, sentences
from .drawing import Figure, nothing

_PLACES = {
    "daily": "daily figures",
    "preview_gross": "preview, gross",
    "preview_net": "preview, net",
    "balance": "balance drop",
    "invoices": "credit bought",
    "estimate": "estimate of analytics",
}
_FINDINGS = ("agrees", "differs", "unit error")
_NO_FINDING = "cannot tell"


def per_day(rows: Sequence[Row]) -> Figure:
    """Spend per day as bars, the open day paler, and the mean of seven days as a line."""
    if not rows:
        return nothing("No day has been read yet, so there is no spend to draw.")
    if not any(row["amount"] for row in rows):
        return nothing(f"{sentences.per_day(rows)}.")
    currency = rows[-1]["currency"]
    state = {True: "whole day", False: "open day, so far"}
    data = encodings.data({**row, "state": state[row["is_complete"]]} for row in rows)
    tooltip = [encodings.when("day", "day"), encodings.money("amount", "spend", currency), alt.Tooltip("state:N")]
    base = alt.Chart(data).encode(x=encodings.days(rows))
    bars = base.mark_bar().encode(
        y=encodings.amounts("amount", [row["amount"] for row in rows], currency, "per UTC day"),
        color=encodings.states("state:N", list(state.values())),
        tooltip=tooltip,
    )
    line = base.mark_line(color="@accent", strokeWidth=2).encode(y=alt.Y("mean_7d:Q"))
    layers = [bars, line] if any(row["mean_7d"] is not None for row in rows) else [bars]
    return Figure(sentences.per_day(rows), _note_on_days(rows), encodings.sized(alt.layer(*layers)))


def per_month(rows: Sequence[Row]) -> Figure:
    """Spend per month as bars, and what the running month is expected to add."""
    if not rows:
        return nothing("No month has been read yet.")
    totals = [row["amount"] if row["forecast"] is None else row["forecast"] for row in rows]
    if not any(totals):
        return nothing(f"{sentences.per_month(rows)}.")
    currency = rows[-1]["currency"]
    bars = (
        alt.Chart(encodings.data(part for row in rows for part in _parts(row)))
        .mark_bar()
        .encode(
            x=encodings.months(rows),
            y=encodings.amounts("amount", totals, currency, "per UTC month"),
            color=encodings.states("part:N", ["spent", "forecast"]),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("name:N", title="month"),
                encodings.money("amount", "spend", currency),
                alt.Tooltip("part:N"),
            ],
        )
    )
    labels = [{"month": row["month"], "amount": total} for row, total in zip(rows, totals, strict=True)]
    label = formats.axis_label(currency, encodings.largest(totals)).replace("datum.value", "datum.amount")
    text = (
        alt.Chart(encodings.data(labels))
        .transform_calculate(label=label)
        .mark_text(
            baseline="bottom", dy=-4, color="@muted", fontSize=11, opacity=alt.ExprRef(expr="width < 420 ? 0 : 1")
        )
        .encode(x=encodings.months(rows), y="amount:Q", text="label:N")
    )
    is_open = rows[-1]["forecast"] is not None and rows[-1]["forecast"] > rows[-1]["amount"]
    note = "UTC months. " + ("The pale part is what the forecast, an estimate, adds." if is_open else "")
    return Figure(sentences.per_month(rows), note.strip(), encodings.sized(bars + text))


def _parts(row: Row) -> list[Row]:
    spent = {"month": row["month"], "name": formats.month_name(row["month"]), "amount": row["amount"]}
    parts = [{**spent, "part": "spent", "order": 0}]
    if row["forecast"] is not None and row["forecast"] > row["amount"]:
        parts.append({**spent, "amount": row["forecast"] - row["amount"], "part": "forecast", "order": 1})
    return parts


def expensive_hours(rows: Sequence[Row]) -> Figure:
    """The ten most expensive hours."""
    if not rows:
        return nothing("No hour has cost anything yet.")
    currency = rows[0]["currency"]
    labels = [
        {**row, "name": formats.hour_name(row["hour"]), "label": formats.money(row["amount"], currency)} for row in rows
    ]
    base = alt.Chart(encodings.data(labels)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, grid=False, labelLimit=190)),
        tooltip=[alt.Tooltip("name:N", title="hour"), encodings.money("amount", "spend", currency)],
    )
    longest = encodings.largest([row["amount"] for row in rows])
    x = alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.4 or 1]))
    bars = base.mark_bar(color="@main").encode(x=x)
    text = base.mark_text(align="left", dx=5, color="@ink").encode(x=x, text="label:N")
    chart = encodings.sized(bars + text, height=24 * len(rows))
    return Figure(sentences.expensive_hours(rows), "Spend in one UTC hour, of the days shown above.", chart)


def balances(rows: Sequence[Row]) -> Figure:
    """The prepaid credit as steps, top-ups as dots on them."""
    if len(rows) < 2:
        return nothing("The balance over time appears once two loads have seen different balances.")
    currency = rows[-1]["currency"]
    base = alt.Chart(encodings.data(rows)).encode(
        x=encodings.times(rows),
        y=encodings.amounts("balance", [row["balance"] for row in rows], currency, "of credit"),
        tooltip=[
            encodings.when("valid_from", "seen", "%-d %b %Y %H:%M UTC"),
            encodings.money("balance", "balance", currency),
            encodings.money("topups", "added", currency),
        ],
    )
    line = base.mark_line(color="@main", interpolate="step-after", strokeWidth=2)
    dots = base.mark_point(color="@accent", filled=True, size=70, opacity=1).transform_filter("datum.topups > 0")
    note = "Dots: readings after credit was added."
    return Figure(sentences.balances(rows), note, encodings.sized(line + dots))


def comparisons(rows: Sequence[Row]) -> Figure:
    """Every source's amount divided by usage, on a scale where a hundredfold error is as far up as down."""
    if not rows:
        return nothing("Nothing can be compared with usage yet: that takes an invoice, a preview or two balances.")
    names, findings = list(_PLACES.values()), [*_FINDINGS, _NO_FINDING]
    base = alt.Chart(encodings.data(map(_compared, rows))).encode(
        x=encodings.months(rows),
        y=alt.Y(
            "ratio:Q",
            title="amount ÷ usage (log)",
            scale=alt.Scale(type="log", domain=[0.005, 200], nice=False),
            axis=alt.Axis(values=[0.01, 0.1, 1, 10, 100], format="~g"),
        ),
    )
    marks = base.mark_point(filled=True, size=70, opacity=0.9).encode(
        shape=alt.Shape(
            "finding:N",
            scale=alt.Scale(domain=findings, range=["circle", "square", "triangle-up", "cross"]),
            legend=alt.Legend(
                title=None, orient="bottom", columns=alt.ExprRef(expr="width < 420 ? 1 : 4"), symbolFillColor="@muted"
            ),
        ),
        color=encodings.by_name("place:N", names, [f"@model-{n}" for n in (7, 1, 5, 2, 3, 4)]),
        xOffset=alt.XOffset("place:N", sort=names),
        tooltip=["place:N", alt.Tooltip("ratio:Q", format=".4f"), "finding:N", alt.Tooltip("name:N", title="month")],
    )
    rule = alt.Chart(alt.Data(values=[{"ratio": 1}])).mark_rule(color="@muted", strokeDash=[4, 3]).encode(y="ratio:Q")
    note = "At 1 both are equal; with a wrong unit they would be at 100 or 0.01."
    return Figure(sentences.unit(rows), note, encodings.sized(rule + marks, height=280))


def _compared(row: Row) -> Row:
    named = {"place": _PLACES[row["place"]], "finding": row["finding"] or _NO_FINDING}
    return {**row, **named, "name": formats.month_name(row["month"])}


def by_weekday_and_hour(rows: Sequence[Row]) -> Figure:
    """A heat map of weekdays and hours."""
    if not any(row["amount"] for row in rows):
        return nothing("No spend by hour has been read yet, so there is no heat map.")
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    currency = rows[0]["currency"]
    largest = encodings.largest([row["amount"] for row in rows])
    chart = (
        alt.Chart(encodings.data({**row, "weekday": names[row["weekday"] - 1]} for row in rows))
        .mark_rect()
        .encode(
            x=alt.X("hour:O", title="hour of the day, UTC", axis=alt.Axis(labelAngle=0, ticks=False, domain=False)),
            y=alt.Y("weekday:O", sort=names, title=None, axis=alt.Axis(ticks=False, domain=False, grid=False)),
            color=alt.Color(
                "amount:Q",
                scale=alt.Scale(range=["#f1f6fa", "#56b4e9", "#0072b2", "#08306b"], domainMin=0),
                legend=alt.Legend(
                    title=f"{currency} per hour",
                    labelExpr=formats.axis_label(currency, largest),
                    orient="right",
                    tickCount=4,
                ),
            ),
            tooltip=[
                "weekday:N",
                "hour:O",
                encodings.money("amount", "mean", currency),
                alt.Tooltip("hours:Q", title="hours"),
            ],
        )
    )
    return Figure(
        sentences.by_weekday_and_hour(rows), "Mean of the last twelve weeks.", encodings.sized(chart, height=210)
    )


def unusual_days(rows: Sequence[Row]) -> Figure:
    """Spend per day beside what the same weekday usually costs."""
    if not any(row["usual"] is not None for row in rows):
        return nothing("What is usual is known after four weeks of complete days.")
    currency = rows[-1]["currency"]
    base = alt.Chart(encodings.data(rows)).encode(
        x=encodings.days(rows),
        tooltip=[
            encodings.when("day", "day"),
            encodings.money("amount", "spend", currency),
            encodings.money("usual", "usual", currency),
        ],
    )
    usual = base.mark_line(color="@muted", strokeDash=[4, 3], strokeWidth=1.2).encode(y="usual:Q")
    line = base.mark_line(color="@main", strokeWidth=1.6).encode(
        y=encodings.amounts("amount", [row["amount"] for row in rows], currency, "per UTC day"),
    )
    dots = base.mark_point(color="@accent", filled=True, size=70, opacity=1).encode(y="amount:Q")
    chart = alt.layer(usual, line, dots.transform_filter("datum.is_unusual"))
    note = "Dashed: what such a weekday usually costs, from up to eight weeks before. Dots: far away from it."
    return Figure(sentences.unusual_days(rows), note, encodings.sized(chart))


def _note_on_days(rows: Sequence[Row]) -> str:
    line = "Line: mean of seven days. " if any(row["mean_7d"] is not None for row in rows) else ""
    return line + "Days of the last five weeks may still grow: usage can be reported late."
