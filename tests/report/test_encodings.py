"""How rows become the axes and colours of a chart."""

import pytest

pytest.importorskip("altair")

from ai_gateway_billing_pipeline.report import encodings


def test_a_name_without_a_colour_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        encodings.by_name("place:N", ["invoices", "estimate"], ["@model-1"])


def test_each_name_has_its_own_colour() -> None:
    scale = encodings.by_name("place:N", ["invoices", "estimate"], ["@model-1", "@model-4"]).to_dict()["scale"]

    assert scale == {"domain": ["invoices", "estimate"], "range": ["@model-1", "@model-4"]}
