"""A figure: a finding with a chart or the reason why there is none, in the colours of paper or of the page."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")

import altair as alt

from ai_gateway_billing_pipeline.report.drawing import NOTEBOOK_MIME, PAPER, STYLED, Figure, nothing


def figure(colour: str = "@main", name: str = "x") -> Figure:
    chart = alt.Chart(alt.Data(values=[{"name": name, "n": 1}])).mark_bar(color=colour).encode(x="name:N", y="n:Q")
    return Figure("It costs more", "Spend per day.", chart)


@pytest.mark.parametrize("colour", ["ink", "muted", "grid", "main", "pale", "accent", "model-1", "model-7"])
def test_a_colour_is_named_in_the_chart_and_given_at_the_end(colour: str) -> None:
    on_paper, on_page = (figure(f"@{colour}").spec(palette)["mark"]["color"] for palette in (PAPER, STYLED))

    assert on_paper.startswith("#")
    assert on_page == f"var(--{colour})"


def test_names_in_the_data_are_no_colours() -> None:
    """A model may be called `@main`."""
    assert figure(name="@main").spec()["data"]["values"][0]["name"] == "@main"


def test_a_finding_is_the_title_unless_the_page_says_it() -> None:
    assert figure().spec()["title"] == {"text": "It costs more", "subtitle": "Spend per day."}
    assert "title" not in figure().spec(titled=False)
    assert figure().spec(titled=False)["description"] == "It costs more. Spend per day."


def test_the_page_has_no_ground_of_its_own_and_paper_is_white() -> None:
    assert figure().spec(STYLED)["config"]["background"] == "transparent"
    assert figure().spec(PAPER)["config"]["background"] == "white"


def test_where_there_is_no_chart_a_sentence_says_why() -> None:
    empty = nothing("No day has been read yet.")

    assert empty._repr_mimebundle_()["text/plain"] == "No day has been read yet."
    with pytest.raises(ValueError, match="No day has been read yet"):
        empty.spec()


def test_a_notebook_gets_a_picture_too_for_where_it_cannot_draw() -> None:
    bundle = figure()._repr_mimebundle_()

    assert set(bundle) == {NOTEBOOK_MIME, "image/png", "text/plain"}
    assert json.loads(json.dumps(bundle[NOTEBOOK_MIME]))["$schema"].endswith("/v5.json")
    assert bundle["image/png"].startswith("iVBOR")
