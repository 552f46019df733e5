"""Usage answers become rows, markers for silent buckets, and items put aside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.rows import arrow
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.buckets import Buckets
from ai_gateway_billing.usage.windows import BUCKET, Grouping, Window, epoch_ms
from support.constants import HOUR, NOW

A = "a" * 32
NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
MORNING = Window("hour", NINE, NINE + 3 * HOUR)


def item(start: datetime = NINE, value: Any = 5, bucket_id: Any = "m1", **more: Any) -> dict[str, Any]:
    end = start + BUCKET["hour"]
    return {"id": bucket_id, "start_time": epoch_ms(start), "end_time": epoch_ms(end), "aggregated_value": value} | more


def read(*history: Any, window: Window = MORNING, sensitive: bool = False) -> Buckets:
    return buckets.buckets(list(history), window, Reading(A, NOW, sensitive))


def tables(found: Buckets) -> list[pa.Table]:
    return list(buckets.tables([found]))


def kept(found: Buckets) -> list[dict[str, Any]]:
    return [row for row in next(buckets.tables([found])).to_pylist() if not row["withdrawn"]]


def cleared(found: Buckets) -> list[datetime]:
    """The buckets that the load will empty."""
    return [row["bucket_start"] for row in next(buckets.tables([found])).to_pylist() if row["withdrawn"]]


def new_fields(found: Buckets) -> dict[str, str]:
    return arrow.not_hinted(next(buckets.tables([found])), TABLES["usage_hourly"])


def test_a_bucket_becomes_a_row_as_sent() -> None:
    found = read(item(value=Decimal("12.3456789012345678")))

    assert kept(found) == [
        {
            "account_id": A,
            "bucket_start": NINE,
            "start_time": NINE,
            "end_time": NINE + HOUR,
            "id": "m1",
            "aggregated_value": Decimal("12.3456789012345678"),
            "withdrawn": None,
        }
    ]
    assert found.rows == 1
    assert found.rejected == []


def test_silent_buckets_are_cleared() -> None:
    assert cleared(read(item(NINE + HOUR))) == [NINE, NINE + 2 * HOUR]


def test_an_empty_answer_clears_the_whole_window() -> None:
    found = read()

    assert cleared(found) == MORNING.starts()
    assert found.rows == 0


def test_several_ids_of_one_bucket_are_all_kept() -> None:
    assert [row["id"] for row in kept(read(item(bucket_id="m1"), item(bucket_id="m2")))] == ["m1", "m2"]


def test_a_row_that_comes_twice_is_kept_once() -> None:
    assert len(kept(read(item(), item()))) == 1


def test_the_same_id_with_two_values_is_put_aside_and_its_bucket_left_alone() -> None:
    found = read(item(value=5), item(value=6), item(NINE + HOUR))

    assert [row["bucket_start"] for row in kept(found)] == [NINE + HOUR]
    assert cleared(found) == [NINE + 2 * HOUR]
    assert found.rejected[0].error.field == "id"


def test_ids_that_only_nul_tells_apart_are_put_aside_and_not_taken_for_one() -> None:
    """It is not stored, as Postgres cannot."""
    found = read(item(bucket_id="m1"), item(bucket_id="m\x001"), item(NINE + HOUR, bucket_id="m\x001"))

    assert [(row["bucket_start"], row["id"]) for row in kept(found)] == [(NINE + HOUR, "m1")]
    assert [each.error.field for each in found.rejected] == ["id"]


def test_a_zero_is_a_row_and_not_silence() -> None:
    assert kept(read(item(value=0)))[0]["aggregated_value"] == 0


@pytest.mark.parametrize("factor", [1, 1000])
def test_times_in_seconds_and_milliseconds_give_the_same_rows(factor: int) -> None:
    start = int(NINE.timestamp())
    sent = {"id": "m1", "aggregated_value": 5, "start_time": start * factor, "end_time": (start + 3600) * factor}

    assert kept(read(sent)) == kept(read(item()))


def test_a_bucket_that_the_api_cuts_off_grid_belongs_to_the_bucket_it_starts_in() -> None:
    found = read(item(NINE + timedelta(minutes=30)))

    assert kept(found)[0]["bucket_start"] == NINE
    assert kept(found)[0]["start_time"] == NINE + timedelta(minutes=30)


def test_a_row_at_the_windows_end_is_left_to_the_next_window() -> None:
    """Whether the API takes the end as inclusive is not known; either way each bucket is read once."""
    found = read(item(), item(MORNING.end))

    assert [row["bucket_start"] for row in kept(found)] == [NINE]
    assert found.rejected == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"aggregated_value": None}, "aggregated_value"),
        ({"aggregated_value": "5"}, "aggregated_value"),
        ({"aggregated_value": True}, "aggregated_value"),
        ({"aggregated_value": [5]}, "aggregated_value"),
        ({"id": None}, "id"),
        ({"id": 7}, "id"),
        ({"end_time": None}, "end_time"),
        ({"end_time": "2026-11-22T10:00:00Z"}, "end_time"),
        ({"end_time": epoch_ms(NINE)}, "end_time"),
        ({"start_time": epoch_ms(NINE - HOUR)}, "start_time"),
        ({"start_time": 17}, "start_time"),
    ],
)
def test_a_row_that_breaks_the_contract_is_put_aside_with_the_reason(changes: dict[str, Any], field: str) -> None:
    found = read(item() | changes, item(NINE + HOUR))

    assert [row["bucket_start"] for row in kept(found)] == [NINE + HOUR]
    ((payload, error),) = found.rejected
    assert payload == item() | changes
    assert (error.resource, error.field) == ("usage_hourly", field)


@pytest.mark.parametrize("name", ["id", "aggregated_value", "start_time", "end_time"])
def test_a_required_field_that_is_missing_is_never_made_up(name: str) -> None:
    broken = item()
    del broken[name]

    found = read(broken)

    assert kept(found) == []
    assert found.rejected[0].error.reason == "is missing though it is required"


def test_the_bucket_of_a_rejected_row_is_neither_cleared_nor_replaced_in_part() -> None:
    """What was known of it stays: half of its ids would be a wrong sum."""
    found = read(item(bucket_id="m1"), item(bucket_id="m2", value="?"), item(NINE + HOUR))

    assert [row["bucket_start"] for row in kept(found)] == [NINE + HOUR]
    assert cleared(found) == [NINE + 2 * HOUR]
    assert found.rows == 1


def test_nothing_is_cleared_when_a_rejected_row_tells_no_bucket() -> None:
    found = read(item() | {"start_time": None}, item(NINE + HOUR))

    assert cleared(found) == []
    assert [row["bucket_start"] for row in kept(found)] == [NINE + HOUR]


@pytest.mark.parametrize("broken", [None, 5, "text", [], True])
def test_an_item_that_is_no_object_is_put_aside(broken: Any) -> None:
    found = read(broken, item())

    assert len(found.rejected) == 1
    assert len(kept(found)) == 1


def test_unknown_fields_become_columns_of_one_type() -> None:
    found = read(
        item(model="x", weight=Decimal("1.5")), item(NINE + HOUR, weight=2, gateway={"id": 1, "cost": Decimal("0.10")})
    )

    first, second = kept(found)
    assert (first["model"], first["weight"], first["gateway"]) == ("x", Decimal("1.5"), None)
    assert (second["model"], second["weight"], second["gateway"]) == (None, 2, '{"id": 1, "cost": 0.10}')
    assert new_fields(found) == {"model": "text", "weight": "decimal", "gateway": "text"}


def test_an_unknown_field_of_mixed_types_becomes_text() -> None:
    found = read(item(extra=1), item(NINE + HOUR, extra="one"), item(NINE + 2 * HOUR, extra=True))

    assert [row["extra"] for row in kept(found)] == ["1", '"one"', "true"]


@pytest.mark.parametrize(
    "name", ["withdrawn", "account_id", "bucket_start", "Account-ID", "aggregatedValue", "endTime"]
)
def test_an_unknown_field_never_overwrites_a_column(name: str) -> None:
    found = read(item(**{name: True}))

    (row,) = kept(found)
    assert (row["account_id"], row["aggregated_value"], row["bucket_start"]) == (A, 5, NINE)
    assert [value for column, value in row.items() if column.startswith("api_")] == [True]


@pytest.mark.parametrize(
    "name", ["", "_dlt_id", "_dlt_load_id", "5xx", "naïve", "ключ", "x" * 500, "a b", "a__b", "_", "\x00"]
)
def test_any_name_becomes_a_column_name(name: str) -> None:
    found = read(item(**{name: "kept"}))

    (column,) = new_fields(found)
    assert kept(found)[0][column] == "kept"
    assert not column.startswith("_")
    assert column == column.lower()
    assert len(column) < 80


def test_two_fields_that_differ_in_spelling_are_both_kept() -> None:
    found = read(item(modelName="a", model_name="b", **{"Model Name": "c"}))

    row = kept(found)[0]
    assert [row[name] for name in new_fields(found)] == ["a", "b", "c"]


def test_links_and_secrets_stay_out_unless_asked_for() -> None:
    sent = item(receipt="https://pay.example/x", card_last4="4242", note={"url": "x"}, plain="ok")

    assert new_fields(read(sent)).keys() == {"plain"}
    assert new_fields(read(sent, sensitive=True)).keys() == {"receipt", "card_last4", "note", "plain"}


@pytest.mark.parametrize("grouping", ["hour", "day"])
def test_a_window_of_nothing_gives_an_empty_table(grouping: Grouping) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=UTC)

    assert read(window=Window(grouping, midnight, midnight)).length == 0


hours = st.integers(0, 2)
amounts = st.one_of(
    st.integers(-(10**21), 10**21), st.decimals(allow_nan=False, allow_infinity=False), st.just(Decimal("-0.0"))
)


@given(st.lists(st.tuples(hours, amounts, st.sampled_from(["m1", "m2", "ünö", "", "m1\0"])), max_size=4), st.booleans())
def test_the_short_way_leads_to_the_same_table(found: list[tuple[int, Any, str]], in_seconds: bool) -> None:
    """Answers as documented are read by columns, all others row by row."""
    history = [item(NINE + hour * HOUR, value, bucket_id) for hour, value, bucket_id in found]
    if in_seconds:
        history = [row | {name: row[name] // 1000 for name in ("start_time", "end_time")} for row in history]
    reading = Reading(A, NOW)

    short = buckets.buckets(history, MORNING, reading)
    long = buckets.buckets([row | {"more": 1} for row in history], MORNING, reading)  # never read by columns

    if isinstance(short.content, buckets.Plain):
        assert tables(short) == [
            table.select(short_table.column_names)
            for table, short_table in zip(tables(long), tables(short), strict=True)
        ]
        assert (short.rows, short.length, short.rejected) == (len(history), long.length, long.rejected)


@given(st.lists(st.lists(st.tuples(hours, amounts), max_size=3), max_size=6))
def test_windows_that_travel_together_are_the_windows_one_after_the_other(found: list[list[tuple[int, Any]]]) -> None:
    together = [read(*(item(NINE + hour * HOUR, value) for hour, value in history)) for history in found]

    rows = [row for table in buckets.tables(together) for row in table.to_pylist()]

    assert rows == [row for each in together for table in buckets.tables([each]) for row in table.to_pylist()]
    assert sum(each.length for each in together) == len(rows)


@pytest.mark.parametrize(
    "odd",
    [
        item() | {"more": 1},
        item(value="5"),
        item(value=True),
        item(bucket_id=None),
        item(bucket_id="m1\0"),
        item() | {"start_time": Decimal(epoch_ms(NINE))},
        item(NINE - HOUR),
        item(NINE + 3 * HOUR),
        item() | {"end_time": epoch_ms(NINE)},
        item() | {"end_time": epoch_ms(NINE + 2 * HOUR)},
        item() | {"end_time": epoch_ms(NINE + HOUR) // 1000},
        item(value=Decimal("0.0000000000000000001")),
        item(value=Decimal("1e30")),
        item(value=Decimal("-1e999999")),
    ],
)
def test_the_short_way_is_for_documented_answers_alone(odd: dict[str, Any]) -> None:
    assert isinstance(read(item(bucket_id="m0")).content, buckets.Plain)
    assert isinstance(read(item(bucket_id="m0"), odd).content, pa.Table)
    assert isinstance(read(item(), item(value=6)).content, pa.Table)


def test_an_answer_in_seconds_goes_the_quick_way_too() -> None:
    sent = item(bucket_id="m0")
    seconds = sent | {name: sent[name] // 1_000 for name in ("start_time", "end_time")}

    assert isinstance(read(seconds).content, buckets.Plain)
    assert kept(read(seconds)) == kept(read(sent))
