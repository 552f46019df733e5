"""The parts that charts share: data as JSON, axes of time and money, legends, and lines of a tooltip.

Amounts become floats here, which is exact enough for a picture and nothing else.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import altair as alt

from ai_gateway_billing_pipeline.database.scope import Row

from . import formats
from .drawing import WIDTH


def data(rows: Any) -> alt.Data:
    """Rows as JSON."""
    return alt.Data(values=[{name: _drawn(value) for name, value in row.items()} for row in rows])


def _drawn(value: object) -> Any:
    if isinstance(value, Decimal):
        return round(float(value), 6)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value


def sized(chart: Any, height: Any = 240) -> alt.TopLevelMixin:
    """The chart as wide as a notebook; the report fits it to the page."""
    sized: alt.TopLevelMixin = chart.properties(width=WIDTH, height=height)
    return sized


def days(rows: Sequence[Row]) -> alt.X:
    """UTC days, a label at every day or every so many."""
    days = sorted({row["day"] for row in rows})
    axis = _time_axis([datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days])
    return alt.X("day:T", timeUnit="utcyearmonthdate", scale=alt.Scale(type="utc"), axis=axis)


def times(rows: Sequence[Row]) -> alt.X:
    """Moments, labelled by the UTC days between them; where there are none, by their own times."""
    moments = sorted(row["valid_from"].astimezone(UTC) for row in rows)
    first, last = moments[0], moments[-1]
    days = [
        first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(n) for n in range((last - first).days + 2)
    ]
    within = [day for day in days if first <= day <= last]
    axis = _time_axis(within) if len(within) > 1 else _time_axis([first, last], "%-d %b %H:%M")
    return alt.X("valid_from:T", scale=alt.Scale(type="utc"), axis=axis)


def _time_axis(moments: Sequence[datetime], form: str = "%-d %b") -> alt.Axis:
    """Labels at no more than nine of these moments, evenly chosen, so that none comes twice."""
    chosen = moments[:: -(-len(moments) // 9)]
    return alt.Axis(
        values=[_vega_time(moment) for moment in chosen],
        format=form, labelAngle=0, labelOverlap=True, labelSeparation=8, grid=False, title=None,
    )  # fmt: skip


def _vega_time(moment: datetime) -> alt.DateTime:
    return alt.DateTime(
        year=moment.year, month=moment.month, date=moment.day, hours=moment.hour, minutes=moment.minute, utc=True
    )


def months(rows: Sequence[Row]) -> alt.X:
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


def amounts(name: str, amounts: Sequence[Decimal], currency: str, per: str) -> alt.Y:
    """An axis of money up to the largest of `amounts`."""
    axis = alt.Axis(labelExpr=formats.axis_label(currency, largest(amounts)), tickCount=5)
    return alt.Y(f"{name}:Q", title=f"{currency} {per}", axis=axis)


def largest(amounts: Sequence[Decimal]) -> float:
    """The largest amount, whatever its sign."""
    return max(abs(float(amount)) for amount in amounts)


def states(name: str, states: Sequence[str]) -> alt.Color:
    """What is firm in full colour, what is not in a pale one."""
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square")
    return alt.Color(name, scale=alt.Scale(domain=list(states), range=["@main", "@pale"]), legend=legend)


def by_name(field: str, names: Sequence[str], colours: Sequence[str]) -> alt.Color:
    """A colour for each name, and a legend with as many columns as have room for the longest name.

    Raises ValueError where there are more names than colours: Vega would begin again with the first one.
    """
    colour_of = dict(zip(names, colours, strict=True))
    columns = f"max(1, min({len(names)}, 4, floor(width / {6.5 * max(map(len, names)) + 40:.0f})))"
    legend = alt.Legend(
        title=None,
        orient="bottom",
        columns=alt.ExprRef(expr=columns),
        symbolType="square",
        labelLimit=alt.ExprRef(expr=f"max(120, width / {columns} - 40)"),
    )
    return alt.Color(field, scale=alt.Scale(domain=list(colour_of), range=list(colour_of.values())), legend=legend)


def money(name: str, title: str, currency: str) -> alt.Tooltip:
    """An amount as a line of the tooltip."""
    form = f",.{formats.digits(currency)}f"
    return alt.Tooltip(f"{name}:Q", title=f"{title}, {currency}".removesuffix(", "), format=form)


def when(name: str, title: str, form: str = "%a %-d %b %Y") -> alt.Tooltip:
    """A moment as a line of the tooltip, UTC."""
    return alt.Tooltip(f"{name}:T", title=title, format=form, timeUnit="utcyearmonthdatehoursminutes")
