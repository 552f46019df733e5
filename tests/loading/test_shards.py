"""The names of one of several writers."""

from __future__ import annotations

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import shards


@pytest.mark.parametrize("name", ["eu", "team_2", "a1", "a" * 32])
def test_a_name_that_dlt_leaves_as_it_is_is_taken(name: str) -> None:
    assert shards.checked(name) == name


@pytest.mark.parametrize("name", ["EU", "a-b", "a__b", "a_", "_a", "1a", "a b", "ä", "a" * 33, "a\n", 'a"'])
def test_a_name_that_dlt_would_change_is_refused(name: str) -> None:
    """Two of them could become one."""
    with pytest.raises(SettingsError, match="cannot be a name") as caught:
        shards.checked(name)

    assert caught.value.exit_code == 2


@pytest.mark.parametrize("none", [None, ""])
def test_no_name_is_a_writer_of_its_own(none: str | None) -> None:
    assert shards.checked(none) is None
    assert shards.pipeline_name(none) != shards.pipeline_name("eu")


def test_no_two_of_all_schemas_are_the_same() -> None:
    names = [None, "eu", "staging", "staging_eu"]

    schemas = ["ai_gateway_billing", *map(shards.staging_dataset, names)]

    assert len(set(schemas)) == len(schemas)
