"""No value of any option of any command ends in a traceback or in "Unexpected": it is fine, or refused in a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer

from ai_gateway_billing.api import client
from ai_gateway_billing_pipeline import cli
from support.command import ONE, Ran, aig, serving

NUMBERS = ["nan", "inf", "-inf", "-1", "1e308", "1e-300", "99999999999", "99999999999999", "999999", "0x10", "1_0", "٣"]
DATES = ["9999-12-31", "0001-01-01", "2026-02-30", "20260101", "2026-W01-1", "２０２６-01-01", "2026-01-01T00:00", "now"]
TEXTS = ["", "  ", "\t", "-", "--", "nonsense", "ü€", "\udcff", "a\nb", "x" * 5000, "../..", "{}", "%s", "1,2", "'", "\x1b[31m"]
NASTY = [*NUMBERS, *DATES, *TEXTS]
NEEDED = {
    "backfill": ["--from", "2026-11-01", "--to", "2026-11-01"],
    "query": ["select 1"],
    "account topup": ["--amount", "50.00", "--account", ONE, "--dry-run"],
    "account topup-status": ["in_1", "--account", ONE, "--dry-run"],
    "account topup-config set": ["--amount", "50.00", "--threshold", "5.00", "--account", ONE, "--dry-run"],
    "account topup-config delete": ["--account", ONE, "--dry-run"],
    "account spending-limit set": [
        "--amount", "50.00", "--duration", "daily", "--strategy", "fixed", "--account", ONE, "--dry-run",
    ],
    "account spending-limit delete": ["--account", ONE, "--dry-run"],
}  # fmt: skip
VARIABLES = [
    "AIG_BILLING_DATABASE", "AIG_BILLING_DESTINATION", "AIG_BILLING_INCLUDE_SENSITIVE", "AIG_BILLING_START",
    "AIG_BILLING_USAGE_UNIT", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_TOKEN_FILE",
    "CLOUDFLARE_BASE_URL",
]  # fmt: skip


def options() -> Iterator[tuple[str, str]]:
    """Every option that takes a value, with its command."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, str]]:
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.is_flag:
                yield name, parameter.opts[0]
        for child, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}".strip(), inner)

    yield from walk("", typer.main.get_command(cli.app))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API whose one account is loaded, and nobody who waits for it."""
    folder = tmp_path_factory.mktemp("loaded")
    with pytest.MonkeyPatch.context() as patch, serving(patch, ONE):
        assert aig("load", "--database", str(folder / "billing.duckdb")).code == 0
        patch.setattr(client, "Client", partial(client.Client, sleep=lambda _: None))
        yield folder / "billing.duckdb"


def assert_is_told(ran: Ran, what: object) -> None:
    assert ran.code in (0, 2), (what, ran)
    assert "Traceback" not in ran.err + ran.out, (what, ran)
    assert "Unexpected" not in ran.err + ran.out, (what, ran)
    if ran.code:
        assert ran.err.startswith("Error: "), (what, ran)
        assert ran.err.count("\n") == 1, (what, ran)


@pytest.mark.parametrize(("command", "option"), list(options()), ids=lambda words: words)
def test_every_value_is_fine_or_refused_in_a_sentence(loaded: Path, command: str, option: str) -> None:
    for value in NASTY:
        shutil.copyfile(loaded, "billing.duckdb")
        needed = [*NEEDED.get(command, [])]
        if option in needed:
            del needed[needed.index(option) : needed.index(option) + 2]
        ran = aig(*command.split(), *needed, option, value)
        try: assert_is_told(ran, value)
        except AssertionError as e: print("BAD", command, option, repr(value)[:40], ran.code, repr(ran.err)[-300:]); bad=True
    assert 'bad' not in dir()
