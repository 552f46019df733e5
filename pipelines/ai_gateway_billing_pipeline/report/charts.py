"""Charts of the rows that `figures` give. Needs Altair; whoever imports this says so when it is missing.

Each function returns a `Figure`: the finding as title, a line on what is drawn, and the chart, or no chart where there
is too little to draw. Amounts become floats here, which is exact enough for a picture and nothing else.
Colours come from Okabe and Ito's palette, which colour-blind people tell apart, and differ in lightness for print.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import altair as alt

from . import sentences
from .questions import OTHER_MODELS, Row

FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"
WIDTH = 760
NOTEBOOK_MIME = "application/vnd.vegalite.v5+json"
"""What JupyterLab draws by itself. Nothing here needs a newer Vega-Lite."""
_NOTEBOOK_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


class Palette(NamedTuple):
    """Colours by what they are for; any words that SVG takes, such as `var(--ink)`."""

    ink: str
    muted: str
    grid: str
    main: str
    pale: str
    accent: str
    models: tuple[str, ...]


PAPER = Palette(
    "#1f2328",
    "#5b636d",
    "#e3e6ea",
    "#0072b2",
    "#a9cfe6",
    "#d55e00",
    ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c959f"),
)
STYLED = Palette(
    "var(--ink)",
    "var(--muted)",
    "var(--grid)",
    "var(--main)",
    "var(--pale)",
    "var(--accent)",
    tuple(f"var(--model-{n})" for n in range(1, 8)),
)
"""Colours that the page's style sheet knows, so that light, dark and print need no drawing anew."""


@dataclass(frozen=True)
class Figure:
    """A finding with its chart. Without one, `note` is a sentence that says why. A notebook shows either."""

    title: str
    note: str
    chart: alt.TopLevelMixin | None = None

    def spec(self, palette: Palette = PAPER, *, titled: bool = True) -> dict[str, Any]:
        """The chart in Vega-Lite. Raises `ValueError` when there is none."""
        if self.chart is None:
            raise ValueError(self.note)
        spec: dict[str, Any] = self.chart.to_dict()
        for name in ("config", "usermeta"):
            spec.pop(name, None)
        spec["config"] = _config(palette)
        spec["description"] = f"{self.title}. {self.note}"
        if titled:
            spec["title"] = {"text": self.title, "subtitle": self.note}
        coloured: dict[str, Any] = _in_colours(spec, palette)
        return coloured

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if self.chart is None:
            return {"text/plain": self.note, "text/markdown": f"*{self.note}*"}
        spec = self.spec()
        return {
            NOTEBOOK_MIME: {**spec, "$schema": _NOTEBOOK_SCHEMA},
            "image/png": png(spec),
            "text/plain": f"{self.title}\n{self.note}",
        }


def png(spec: dict[str, Any]) -> str:
    """The picture of a chart, in base 64."""
    import base64  # noqa: PLC0415 - only notebooks without a drawing of their own need pictures

    import vl_convert  # noqa: PLC0415 - a large library

    return base64.b64encode(vl_convert.vegalite_to_png(spec, scale=1)).decode()


def nothing(sentence: str) -> Figure:
    """What stands in the place of a chart that would be empty."""
    return Figure(sentence, sentence)


def per_day(rows: Sequence[Row]) -> Figure:
    """Spend per day as bars, the open day paler, and the mean of seven days as a line."""
    if not rows:
        return nothing("No day has been read yet, so there is no spend to draw.")
    currency = rows[-1]["currency"]
    state = {True: "whole day", False: "open day, so far"}
    data = _data({**row, "state": state[row["is_complete"]]} for row in rows)
    tooltip = [_when("day", "day"), _money("amount", "spend", currency), alt.Tooltip("state:N")]
    base = alt.Chart(data).encode(x=_time("day", "utcyearmonthdate", "%-d %b"))
    bars = base.mark_bar().encode(
        y=_amount("amount", rows, f"{currency} per UTC day"),
        color=_states("state:N", list(state.values())),
        tooltip=tooltip,
    )
    line = base.mark_line(color="@accent", strokeWidth=2).encode(y=alt.Y("mean_7d:Q"))
    return Figure(sentences.per_day(rows), _note_on_days(rows), _sized(alt.layer(bars, line)))


def per_month(rows: Sequence[Row]) -> Figure:
    """Spend per month as bars, and what the running month is expected to add."""
    if not rows:
        return nothing("No month has been read yet.")
    currency = rows[-1]["currency"]
    parts = []
    for row in rows:
        parts.append(
            {
                "month": row["month"],
                "name": f"{row['month']:%B %Y}",
                "amount": row["amount"],
                "part": "spent",
                "order": 0,
            }
        )
        if row["forecast"] is not None and row["forecast"] > row["amount"]:
            rest = row["forecast"] - row["amount"]
            parts.append({**parts[-1], "amount": rest, "part": "forecast", "order": 1})
    totals = [{"amount": row["forecast"] or row["amount"]} for row in rows]
    labels = [{"month": row["month"], **total} for row, total in zip(rows, totals, strict=True)]
    bars = (
        alt.Chart(_data(parts))
        .mark_bar()
        .encode(
            x=_month(rows),
            y=_amount("amount", totals, f"{currency} per UTC month"),
            color=_states("part:N", ["spent", "forecast"]),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("name:N", title="month"), _money("amount", "spend", currency), alt.Tooltip("part:N")],
        )
    )
    text = (
        alt.Chart(_data(labels))
        .mark_text(
            baseline="bottom", dy=-4, color="@muted", fontSize=11, opacity=alt.ExprRef(expr="width < 420 ? 0 : 1")
        )
        .encode(x=_month(rows), y="amount:Q", text=alt.Text("amount:Q", format=sentences.money_format(currency, 10)))
    )
    return Figure(
        sentences.per_month(rows), "Labels round to whole units; the forecast is an estimate.", _sized(bars + text)
    )


def per_model(rows: Sequence[Row]) -> Figure:
    """What each model costs in the newest billing month, and its share."""
    if not rows:
        return nothing("No invoice preview has been read yet, so nothing is known by model.")
    currency = rows[0]["currency"]
    shown = [{**row, "label": "" if row["share"] is None else f"{100 * row['share']:.0f} %"} for row in rows]
    base = alt.Chart(_data(shown)).encode(y=alt.Y("model:N", sort=None, title=None, axis=_plain_axis()))
    longest = max(float(row["gross"]) for row in rows)
    bars = base.mark_bar(color="@main").encode(
        x=alt.X(
            "gross:Q",
            title=f"{currency}, before credits",
            axis=alt.Axis(format=sentences.money_format(currency, longest), tickCount=3, grid=True),
            scale=alt.Scale(domainMax=longest * 1.25 or 1),
        ),
        tooltip=[
            alt.Tooltip("model:N"),
            *(_money(name, name, currency) for name in ("gross", "credits", "net")),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    text = base.mark_text(align="left", dx=5, color="@ink").encode(x="gross:Q", text="label:N")
    note = "From the newest invoice preview of the month" + ("." if rows[0]["is_closed"] else ", which is still open.")
    return Figure(sentences.per_model(rows), note, _sized(bars + text, height=30 * len(rows)))


def per_model_and_day(rows: Sequence[Row]) -> Figure:
    """What each day added by model, stacked."""
    if len({row["day"] for row in rows}) < 2:
        return nothing("Models by day appear once invoice previews cover at least two days.")
    currency = rows[0]["currency"]
    totals: dict[str, Decimal] = {}
    per_day: dict[date, Decimal] = {}
    for row in rows:
        totals[row["model"]] = totals.get(row["model"], Decimal(0)) + row["gross"]
        per_day[row["day"]] = per_day.get(row["day"], Decimal(0)) + row["gross"]
    models = sorted(totals, key=lambda model: (model == OTHER_MODELS, -totals[model], model))
    colours = [f"@model-{n}" for n in range(1, len(models) + 1)]
    ranked = [{**row, "rank": models.index(row["model"])} for row in rows]
    chart = (
        alt.Chart(_data(ranked))
        .mark_bar()
        .encode(
            x=_time("day", "utcyearmonthdate", "%-d %b"),
            y=_amount("gross", [{"amount": total} for total in per_day.values()], f"{currency} per UTC day"),
            color=alt.Color(
                "model:N",
                scale=alt.Scale(domain=models, range=colours),
                legend=alt.Legend(
                    title=None, orient="bottom", columns=_columns(3), labelLimit=300, symbolType="square"
                ),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[_when("day", "day"), alt.Tooltip("model:N"), _money("gross", "added", currency)],
        )
    )
    note = (
        "Estimate, before credits: each change between two invoice previews is divided over its days by hourly usage."
    )
    return Figure(sentences.per_model_and_day(rows), note, _sized(chart))


def dearest_hours(rows: Sequence[Row]) -> Figure:
    """The ten dearest hours."""
    if not rows:
        return nothing("No hour has cost anything yet.")
    currency = rows[0]["currency"]
    shown = [{**row, "name": sentences.hour_name(row["hour"])} for row in rows]
    labels = [{**row, "label": sentences.money(row["amount"], currency)} for row in shown]
    base = alt.Chart(_data(labels)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=_plain_axis()),
        tooltip=[alt.Tooltip("name:N", title="hour"), _money("amount", "spend", currency)],
    )
    longest = max(float(row["amount"]) for row in rows)
    x = alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, longest * 1.3 or 1]))
    bars = base.mark_bar(color="@main").encode(x=x)
    text = base.mark_text(align="left", dx=5, color="@ink").encode(x=x, text="label:N")
    return Figure(
        sentences.dearest_hours(rows), f"{currency} per UTC hour.", _sized(bars + text, height=24 * len(rows))
    )


def balances(rows: Sequence[Row]) -> Figure:
    """The prepaid credit as steps, top-ups as dots on them."""
    if len(rows) < 2:
        return nothing("The balance over time appears once two loads have seen different balances.")
    currency = rows[-1]["currency"]
    data = _data(rows)
    base = alt.Chart(data).encode(
        x=_time("valid_from", None, "%-d %b"),
        y=_amount("balance", [{"amount": row["balance"]} for row in rows], f"{currency} of credit"),
        tooltip=[
            _when("valid_from", "seen", "%-d %b %Y %H:%M UTC"),
            _money("balance", "balance", currency),
            _money("topups", "added", currency),
        ],
    )
    line = base.mark_line(color="@main", interpolate="step-after", strokeWidth=2)
    dots = base.mark_point(color="@accent", filled=True, size=70, opacity=1).transform_filter("datum.topups > 0")
    return Figure(sentences.balances(rows), "Dots: balances that a top-up has raised.", _sized(line + dots))


def comparisons(rows: Sequence[Row]) -> Figure:
    """Every place's amount by usage, on a scale where a hundredfold error is as far up as down."""
    if not rows:
        return nothing("Nothing can be compared with usage yet: that takes an invoice, a preview or two balances.")
    names = {
        "daily": "daily figures",
        "preview_gross": "preview, gross",
        "preview_net": "preview, net",
        "balance": "balance drop",
        "invoices": "credit bought",
    }
    found = {"agrees": "agrees", "differs": "differs", "unit error": "unit error", None: "proves nothing"}
    shown = [
        {**row, "place": names[row["place"]], "finding": found[row["finding"]], "name": f"{row['month']:%B %Y}"}
        for row in rows
    ]
    base = alt.Chart(_data(shown)).encode(
        x=_month(rows),
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
            scale=alt.Scale(domain=list(found.values()), range=["circle", "square", "triangle-up", "cross"]),
            legend=alt.Legend(title=None, orient="bottom", columns=_columns(4), symbolFillColor="@muted"),
        ),
        color=alt.Color(
            "place:N",
            scale=alt.Scale(domain=list(names.values()), range=[f"@model-{n}" for n in (7, 1, 5, 2, 3)]),
            legend=alt.Legend(title=None, orient="bottom", columns=_columns(3), symbolType="square"),
        ),
        xOffset=alt.XOffset("place:N", sort=list(names.values())),
        tooltip=["place:N", alt.Tooltip("ratio:Q", format=".4f"), "finding:N", alt.Tooltip("name:N", title="month")],
    )
    rule = alt.Chart(alt.Data(values=[{"ratio": 1}])).mark_rule(color="@muted", strokeDash=[4, 3]).encode(y="ratio:Q")
    note = "At 1 both say the same; a wrong unit would lie at 100 or 0.01."
    return Figure(sentences.unit(rows), note, _sized(rule + marks, height=280))


def by_weekday_and_hour(rows: Sequence[Row]) -> Figure:
    """A heat map of weekdays and hours."""
    if not any(row["amount"] for row in rows):
        return nothing("No spend by the hour has been read yet, so there is no heat map.")
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    currency = rows[0]["currency"]
    largest = max(float(row["amount"]) for row in rows)
    chart = (
        alt.Chart(_data({**row, "weekday": names[row["weekday"] - 1]} for row in rows))
        .mark_rect()
        .encode(
            x=alt.X("hour:O", title="hour of the day, UTC", axis=alt.Axis(labelAngle=0, ticks=False, domain=False)),
            y=alt.Y("weekday:O", sort=names, title=None, axis=_plain_axis()),
            color=alt.Color(
                "amount:Q",
                scale=alt.Scale(range=["#f1f6fa", "#56b4e9", "#0072b2", "#08306b"], domainMin=0),
                legend=alt.Legend(
                    title=f"{currency} an hour",
                    format=sentences.money_format(currency, largest),
                    orient="right",
                    tickCount=4,
                ),
            ),
            tooltip=["weekday:N", "hour:O", _money("amount", "mean", currency), alt.Tooltip("hours:Q", title="hours")],
        )
    )
    return Figure(sentences.by_weekday_and_hour(rows), "Mean of the last twelve weeks.", _sized(chart, height=210))


def unusual_days(rows: Sequence[Row]) -> Figure:
    """Spend per day against what such a weekday usually costs."""
    if not any(row["usual"] is not None for row in rows):
        return nothing("What is usual shows after the second week of complete days.")
    currency = rows[-1]["currency"]
    base = alt.Chart(_data(rows)).encode(
        x=_time("day", "utcyearmonthdate", "%-d %b"),
        tooltip=[_when("day", "day"), _money("amount", "spend", currency), _money("usual", "usual", currency)],
    )
    usual = base.mark_line(color="@muted", strokeDash=[4, 3], strokeWidth=1.2).encode(y="usual:Q")
    line = base.mark_line(color="@main", strokeWidth=1.6).encode(
        y=_amount("amount", rows, f"{currency} per UTC day"),
    )
    dots = base.mark_point(color="@accent", filled=True, size=70, opacity=1).encode(y="amount:Q")
    chart = alt.layer(usual, line, dots.transform_filter("datum.is_unusual"))
    note = "Dashed: the median of up to eight such weekdays before. Dots: more than half of that away from it."
    return Figure(sentences.unusual_days(rows), note, _sized(chart))


def _data(rows: Any) -> alt.Data:
    return alt.Data(values=[{name: _drawn(value) for name, value in row.items()} for row in rows])


def _drawn(value: object) -> Any:
    if isinstance(value, Decimal):
        return round(float(value), 6)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value


def _sized(chart: Any, height: Any = 240) -> alt.TopLevelMixin:
    sized: alt.TopLevelMixin = chart.properties(width=WIDTH, height=height)
    return sized


def _time(name: str, unit: Any, labels: str) -> alt.X:
    axis = alt.Axis(
        format=labels, labelAngle=0, labelOverlap=True, labelSeparation=8, tickCount=8, grid=False, title=None
    )
    given = {"timeUnit": unit} if unit else {}
    return alt.X(f"{name}:T", scale=alt.Scale(type="utc"), axis=axis, **given)


def _month(rows: Sequence[Row]) -> alt.X:
    """Months as names, not times: a layer that uses the column as a time would no longer meet the others."""
    months = sorted({row["month"].isoformat() for row in rows})
    axis = alt.Axis(
        labelExpr="[utcFormat(toDate(datum.value), '%b'), utcFormat(toDate(datum.value), \"'%y\")]",
        labelAngle=0,
        labelOverlap=True,
        labelSeparation=4,
        title=None,
        ticks=False,
    )
    return alt.X("month:O", axis=axis, sort=months)


def _amount(name: str, rows: Sequence[Row], title: str) -> alt.Y:
    largest = max(abs(float(row["amount"])) for row in rows)
    axis = alt.Axis(format=sentences.money_format(title[:3], largest), tickCount=5)
    return alt.Y(f"{name}:Q", title=title, axis=axis)


def _states(name: str, states: Sequence[str]) -> alt.Color:
    """What is firm in full colour, what is not in a pale one."""
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square")
    return alt.Color(name, scale=alt.Scale(domain=list(states), range=["@main", "@pale"]), legend=legend)


def _columns(most: int) -> alt.ExprRef:
    """Columns of a legend; one on a telephone, where more would be cut off."""
    return alt.ExprRef(expr=f"width < 420 ? 1 : {most}")


def _plain_axis() -> alt.Axis:
    return alt.Axis(ticks=False, domain=False, grid=False, labelLimit=190)


def _money(name: str, title: str, currency: str) -> alt.Tooltip:
    return alt.Tooltip(f"{name}:Q", title=f"{title}, {currency}", format=",.2f")


def _when(name: str, title: str, form: str = "%a %-d %b %Y") -> alt.Tooltip:
    return alt.Tooltip(f"{name}:T", title=title, format=form, timeUnit="utcyearmonthdatehoursminutes")


def _note_on_days(rows: Sequence[Row]) -> str:
    line = "Line: mean of seven days. " if any(row["mean_7d"] is not None for row in rows) else ""
    return line + "Days of the last five weeks may still grow: usage can be reported late."


def _in_colours(value: Any, palette: Palette) -> Any:
    """The spec with every `@name` in the place of a colour replaced by the palette's."""
    if isinstance(value, dict):
        return {
            name: item if name in {"data", "datasets"} else _in_colours(item, palette) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_in_colours(item, palette) for item in value]
    if isinstance(value, str) and value.startswith("@") and value[1:] in _NAMES:
        name = value[1:]
        return palette.models[int(name[-1]) - 1] if name.startswith("model-") else getattr(palette, name)
    return value


_NAMES = {"ink", "muted", "grid", "main", "pale", "accent", *(f"model-{n}" for n in range(1, 8))}


def _config(palette: Palette) -> dict[str, Any]:
    axis = {
        "labelColor": palette.muted,
        "titleColor": palette.muted,
        "titleFontWeight": "normal",
        "gridColor": palette.grid,
        "domainColor": palette.grid,
        "tickColor": palette.grid,
        "labelFontSize": 11,
        "titleFontSize": 11,
    }
    title = {
        "anchor": "start",
        "frame": "group",
        "color": palette.ink,
        "subtitleColor": palette.muted,
        "fontSize": 15,
        "subtitleFontSize": 12,
        "subtitlePadding": 4,
        "offset": 12,
    }
    return {
        "font": FONT,
        "background": "transparent" if palette is STYLED else "white",
        "view": {"stroke": None},
        "axis": axis,
        "axisY": {"domain": False, "ticks": False},
        "legend": {"labelColor": palette.ink, "titleColor": palette.muted, "labelFontSize": 11, "offset": 8},
        "title": title,
        "bar": {"discreteBandSize": {"band": 0.8}},
        "padding": 8,
    }
