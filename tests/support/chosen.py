"""What a fixture has to make that many tests of a module share: only what those that run look at."""

from __future__ import annotations

from typing import Any

import pytest


def chosen(request: pytest.FixtureRequest, argument: str) -> set[Any]:
    """The values that this argument has in the tests of the module that were not deselected."""
    tests = [each for each in request.session.items if each.path == request.path]
    given = [each.callspec.params for each in tests if isinstance(each, pytest.Function) and hasattr(each, "callspec")]
    return {params[argument] for params in given if argument in params}
