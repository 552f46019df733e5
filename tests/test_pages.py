"""What the pages for maintainers name is there: files, folders, make targets, tests."""

from __future__ import annotations

import re

import pytest

from support.constants import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/PROOF.md", "docs/SPEED.md")
PLACES = (ROOT, ROOT / "sources/ai_gateway_billing", ROOT / "pipelines/ai_gateway_billing_pipeline")
MADE = ("build", ".dlt/secrets.toml", "billing.duckdb", "demo.duckdb")
"""What commands and users make, which a fresh checkout does not hold."""


def words(page: str) -> list[str]:
    """What stands between single backticks."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def paths(page: str) -> set[str]:
    """Files and folders in backticks, and where links lead, from the root."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text("utf-8"))
    named = {word for word in words(page) if re.fullmatch(r"\.?[a-z_]{3,}/[\w./-]+|[\w./-]+\.(py|md|sql)", word)}
    return named | {str((ROOT / page).parent.joinpath(link).relative_to(ROOT)) for link in links}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_exists(page: str) -> None:
    places = [*PLACES, *(place / folder for place in PLACES[1:] for folder in ("database",)), ROOT / "tests"]

    missing = {
        path
        for path in paths(page)
        if not path.startswith(MADE) and not any((place / path).exists() for place in places)
    }

    assert missing == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z][a-z-]+)\b", "\n".join(words(page)))) - targets == set()


def test_the_picture_of_the_folders_shows_them_all() -> None:
    (picture,) = re.findall(r"```\n(sources/.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.DOTALL)
    shown = set(re.findall(r"\b([a-z_]+)/", picture))
    there = {place.name for folder in PLACES[1:] for place in folder.iterdir() if (place / "__init__.py").exists()}

    assert there <= shown


def test_every_test_that_keeps_a_promise_exists() -> None:
    text = (ROOT / "docs/PROOF.md").read_text("utf-8")
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    named = set(re.findall(r"`(test_\w{12,})`", text))

    assert named
    assert {name for name in named if f"def {name}(" not in written and f"/{name}.py" not in written} == set()
