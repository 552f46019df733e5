"""The rules that all views share, against the same in Python."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ai_gateway_billing_pipeline.database import views

WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
TIE = Decimal("5e-11")
STEP = Decimal("1e-22")

ties = st.integers(-(10**25), 10**25).map(lambda number: WIDE.add(Decimal(number).scaleb(-10, WIDE), TIE))
anything = (
    st.integers(0, 37)
    .flatmap(lambda digits: st.integers(-(10**digits), 10**digits))
    .map(lambda number: Decimal(number).scaleb(-22, WIDE))
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        views.apply(made, "cents")
        yield made


@given(exact=ties | anything, off=st.sampled_from([Decimal(0), STEP, -STEP]))
@example(exact=Decimal("1844674407.37095516155"), off=Decimal(0))
@example(exact=Decimal("450359.96273704965"), off=Decimal(0))
@example(exact=Decimal("-0.00000000015"), off=Decimal(0))
def test_an_amount_has_ten_digits_half_to_even(
    connection: duckdb.DuckDBPyConnection, exact: Decimal, off: Decimal
) -> None:
    """Of any size, where floating point is near enough and where it is not, and at ties most of all."""
    exact = WIDE.add(exact, off)

    ((amount,),) = connection.execute(f"select spend.amount({exact:f}::decimal(38, 22))").fetchall()

    assert amount == exact.quantize(Decimal("1e-10"), context=WIDE)


def test_an_unknown_amount_stays_unknown(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.execute("select spend.amount(null::decimal(38, 22))").fetchall() == [(None,)]
