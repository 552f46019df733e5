"""What is given as a path, a token or a number is read in one way, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import inputs
from ai_gateway_billing_pipeline.inputs import token_of
from support.command import aig


@pytest.mark.parametrize(
    "content", [b"from-a-file", b"from-a-file\n", b"from-a-file\r\n", b"\xef\xbb\xbffrom-a-file\n\n"]
)
def test_the_token_may_stand_in_a_file(content: bytes) -> None:
    """As Docker and Kubernetes hand out secrets."""
    Path("token").write_bytes(content)

    assert token_of({"CLOUDFLARE_API_TOKEN_FILE": "token"}) == "from-a-file"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        ("secret-in-utf-16".encode("utf-16"), "not UTF-8 text"),
        (b"\xff\xfe\xfa", "not UTF-8 text"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_named(content: bytes | None, words: str) -> None:
    if content is not None:
        Path("token").write_bytes(content)

    with pytest.raises(SettingsError, match=rf"CLOUDFLARE_API_TOKEN_FILE.* token .*{words}") as caught:
        token_of({"CLOUDFLARE_API_TOKEN_FILE": "token"})

    assert "secret" not in str(caught.value)


def test_a_folder_is_no_token_file() -> None:
    Path("token").mkdir()

    with pytest.raises(SettingsError, match="token is a folder"):
        token_of({"CLOUDFLARE_API_TOKEN_FILE": "token"})


def test_a_token_that_is_given_twice_is_refused() -> None:
    Path("token").write_text("from-a-file")

    with pytest.raises(SettingsError, match="both set"):
        token_of({"CLOUDFLARE_API_TOKEN_FILE": "token", "CLOUDFLARE_API_TOKEN": "another"})


NO_FILES = ["", "  ", ":memory:", "md:billing", "sqlite:billing.db", "https://example.com/b.duckdb", "file:b.duckdb",
            "folder", "folder/", "~nobody-of-that-name/b.duckdb", "x" * 300, "a\nb.duckdb"]  # fmt: skip
READERS = [["status"], ["check"], ["query", "select 1"], ["export", "focus"], ["load"], ["doctor"],
           ["backfill", "--from", "2026-01-01", "--to", "2026-01-01"]]  # fmt: skip


@pytest.mark.parametrize("path", NO_FILES)
def test_every_command_refuses_what_can_be_no_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder").mkdir()
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "a-token-that-opens-nothing-0123456789")

    for command in READERS:
        ran = aig(*command, "--database", path)

        assert ran.code == 2, ran
        assert ran.err.startswith("Error: ")
        assert "--database" in ran.err
    assert [found.name for found in Path().iterdir()] == ["folder"]


def test_a_tilde_is_the_home_for_every_command() -> None:
    assert inputs.file_path("~/b.duckdb", "--database") == Path.home() / "b.duckdb"


@pytest.mark.parametrize(
    ("given", "said"), [("yes", True), (" TRUE ", True), ("on", True), ("0", False), ("Off", False)]
)
def test_a_yes_or_no_has_several_spellings(given: str, said: bool) -> None:
    assert inputs.yes_or_no("WANTED", given) is said


@pytest.mark.parametrize(
    ("option", "variable", "number"), [(None, "", 7), (None, " 30 ", 30), (0, "30", 0), (5, "nonsense", 5)]
)
def test_a_number_comes_from_the_option_or_the_variable(option: int | None, variable: str, number: int) -> None:
    assert inputs.whole_number(option, "DAYS", 7, {"DAYS": variable}) == number


@pytest.mark.parametrize("given", ["-1", "1.5", "1e3", "٣", "12345678", "soon"])
def test_what_is_no_number_names_its_variable(given: str) -> None:
    with pytest.raises(SettingsError, match="DAYS is"):
        inputs.whole_number(None, "DAYS", 7, {"DAYS": given})
