"""Tags are what was asked for by name and nothing else, whatever the metadata holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.attribution.tags import Tags

TEAM = Tags(("team",))


@pytest.mark.parametrize(
    ("metadata", "value"),
    [
        ('{"team": "search", "user": "anna"}', "search"),
        ('{"team": ""}', ""),
        ('{"team": true}', "true"),
        ('{"team": 7}', "7"),
        ('{"team": 0.10}', "0.10"),
        ('{"team": {"name": "a"}}', '{"name": "a"}'),
        ('{"team": ["a", 1]}', '["a", 1]'),
        ('{"team": "a\\u0000b\\n"}', "ab"),
    ],
)
def test_a_value_is_text(metadata: str, value: str) -> None:
    assert TEAM.of(metadata) == {"team": value}


@pytest.mark.parametrize(
    "metadata",
    ["", "{", "null", "[]", '"team"', '{"team": null}', '{"Team": "x"}', "[" * 10_000, '{"team": "\\ud800"}', None, 7,
     '{"team": "' + "x" * 200_000 + '"}'],
)  # fmt: skip
def test_what_has_no_such_tag_or_cannot_be_read_has_none(metadata: object) -> None:
    assert TEAM.of(metadata) == {"team": None}


def test_long_values_are_cut_and_stay_apart() -> None:
    one, other = (TEAM.of(json.dumps({"team": "x" * 5000 + end}))["team"] for end in "ab")

    assert one != other
    assert one
    assert len(one) < 250


def test_values_and_metadata_are_kept_up_to_their_very_limits() -> None:
    longest, largest = "x" * 200, '{"team": "a", "rest": "%s"}'

    assert TEAM.of(json.dumps({"team": longest})) == {"team": longest}
    assert TEAM.of(largest % ("x" * (100_002 - len(largest)))) == {"team": "a"}
    assert TEAM.of(largest % ("x" * (100_003 - len(largest)))) == {"team": None}


def test_a_hash_is_the_same_in_every_version() -> None:
    """Else one that is stored would belong to nobody after an update."""
    assert Tags(("user",), key="k").of('{"user": "anna"}') == {"user": "21caed1b3ebce3ef2aab8cac595b524e"}


def test_hashed_values_tell_nothing_and_are_the_same_each_time() -> None:
    tags = Tags(("user", "team"), key="k")

    found = tags.of('{"user": "anna", "team": "anna"}')

    assert found == tags.of('{"team": "anna", "user": "anna"}')
    assert found["user"] != found["team"] != "anna"
    assert Tags(("user",), key="another").of('{"user": "anna"}')["user"] != found["user"]
    assert tags.of("{}") == {"user": None, "team": None}


@given(
    st.text()
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    ).map(json.dumps)
)
def test_no_metadata_is_too_odd(metadata: str) -> None:
    found = Tags(("a", "team")).of(metadata)

    assert found.keys() == {"a", "team"}
    assert all(value is None or len(value) < 250 for value in found.values())
