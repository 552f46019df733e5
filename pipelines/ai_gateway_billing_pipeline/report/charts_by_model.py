"""Charts of what each model costs. As in `charts`, a function takes rows of `questions` and returns a `Figure`."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import altair as alt

from ai_gateway_billing_pipeline.database.scope import Row

from . import encodings, formats
from . import sentences_by_model as sentences
from .drawing import Figure, nothing
from .questions import OTHER_MODELS


def per_model(rows: Sequence[Row]) -> Figure:
    """What each model costs in the newest billing month, and its share. Bars of another currency begin anew."""
    if not rows:
        return nothing("No invoice preview has been read yet, so nothing is known by model.")
    if not any(row["gross"] for row in rows):
        return nothing(f"{sentences.per_model(rows)}.")
    largest = {row["currency"]: Decimal(0) for row in rows}
    for row in rows:
        largest[row["currency"]] = max(largest[row["currency"]], abs(row["gross"]))
    shown = [
        {
            **row,
            "key": f"{row['currency']} {row['model']}",
            "length": row["gross"] / (largest[row["currency"]] or 1),
            "label": _labelled(row),
            "name": row["model"],
        }
        for row in rows
    ]
    shortest = min(0, *(float(row["length"]) for row in shown))
    base = alt.Chart(encodings.data(shown)).encode(y=alt.Y("key:N", sort=None, axis=None))
    bars = base.mark_bar(color="@main", height=12, yOffset=9).encode(
        x=alt.X("length:Q", axis=None, stack=False, scale=alt.Scale(domain=[shortest, 1])),
        tooltip=[
            alt.Tooltip("model:N"),
            *(
                encodings.money(name, name, rows[0]["currency"] if len(largest) == 1 else "")
                for name in ("gross", "credits", "net")
            ),
        ],
    )
    name = base.mark_text(
        align="left", dy=-7, color="@ink", fontSize=12, limit=alt.ExprRef(expr="max(80, width - 130)")
    ).encode(x=alt.value(0), text="name:N")
    amount = base.mark_text(align="right", dy=-7, color="@ink", fontSize=12).encode(
        x=alt.value(alt.ExprRef(expr="width")), text="label:N"
    )
    state = "." if rows[0]["is_closed"] else ", which is still open."
    note = f"Before credits, from the newest invoice preview of the month{state}"
    if len(largest) > 1:
        note += " Bars of different currencies cannot be compared."
    return Figure(sentences.per_model(rows), note, encodings.sized(bars + name + amount, height=42 * len(rows)))


def _labelled(row: Row) -> str:
    amount = formats.money(row["gross"], row["currency"])
    if row["share"] is None or not 0 <= row["share"] <= 1:
        return amount
    return f"{amount} · {formats.percent(Decimal(row['share']), Decimal(1))}"


def per_model_and_day(rows: Sequence[Row]) -> Figure:
    """What each day cost by model, stacked; in the currency with most rows, as others cannot stand on the same axis."""
    if len({row["day"] for row in rows}) < 2:
        return nothing("Models by day appear once invoice previews cover at least two days.")
    currencies = sorted(row["currency"] for row in rows)
    currency = max(sorted(set(currencies)), key=currencies.count)
    drawn = [row for row in rows if row["currency"] == currency]
    totals: dict[str, Decimal] = {}
    per_day: dict[date, Decimal] = {}
    for row in drawn:
        totals[row["model"]] = totals.get(row["model"], Decimal(0)) + row["gross"]
        per_day[row["day"]] = per_day.get(row["day"], Decimal(0)) + max(row["gross"], Decimal(0))
    models = sorted(totals, key=lambda model: (model == OTHER_MODELS, -totals[model], model))
    chart = (
        alt.Chart(encodings.data({**row, "rank": models.index(row["model"])} for row in drawn))
        .mark_bar()
        .encode(
            x=encodings.days(drawn),
            y=encodings.amounts("gross", list(per_day.values()), currency, "per UTC day"),
            color=encodings.by_name("model:N", models, [f"@model-{n}" for n in range(1, len(models) + 1)]),
            order=alt.Order("rank:Q"),
            tooltip=[
                encodings.when("day", "day"),
                alt.Tooltip("model:N"),
                encodings.money("gross", "estimate", currency),
            ],
        )
    )
    note = (
        "Estimate, before credits: each change between two invoice previews is divided over its days "
        "by hourly usage where it is known."
    )
    if len(set(currencies)) > 1:
        note += f" Only {currency} is drawn."
    return Figure(sentences.per_model_and_day(rows), note, encodings.sized(chart))
