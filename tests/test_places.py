"""No test finds what an earlier one has left in its folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.places import Places, contents


def link(home: Path) -> None:
    (home / ".cache").rmdir()
    (home / ".cache").symlink_to(home)


TRACES: dict[str, Callable[[Path], object]] = {
    "a file": lambda home: (home / ".cache" / "left").touch(),
    "a folder": lambda home: (home / "left").mkdir(),
    "a folder that is gone": lambda home: (home / ".cache").rmdir(),
    "another mode": lambda home: (home / ".cache").chmod(0o500),
    "another time": lambda home: os.utime(home, (0, 0)),
    "a link": link,
    "nothing at all": lambda home: shutil.rmtree(home.parent),
}


def given_back(places: Places, trace: Callable[[Path], object]) -> Path:
    folder = places.take()
    (folder / "home" / ".cache").mkdir(parents=True, exist_ok=True)
    before = contents(folder)
    trace(folder / "home")
    places.give_back(folder, before)
    return folder


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_a_folder_with_a_trace_is_never_given_again(trace: Callable[[Path], object], tmp_path: Path) -> None:
    places = Places(tmp_path)
    touched = given_back(places, trace)

    assert touched != places.take()


def test_a_folder_without_one_is(tmp_path: Path) -> None:
    places = Places(tmp_path)
    untouched = given_back(places, lambda _: None)

    assert untouched == places.take() != places.take()
