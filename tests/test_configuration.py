"""What dlt finds in its surroundings while a command runs, and what cannot be imported then."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import dlt
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import configuration


def test_a_name_that_is_allowed_is_found_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "here")
    monkeypatch.setenv("DESTINATION__POSTGRES__TIMEOUT", "there")

    with configuration.only("destination.postgres.credentials"):
        found = [dlt.config.get(f"destination.postgres.{name}") for name in ("credentials", "timeout")]

    assert found == ["here", None]


def test_a_setting_of_dlts_files_is_text_and_a_list_has_commas() -> None:
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text('[sources.ai_gateway_billing]\naccount_ids = ["a", "b"]\nlookback_days = 3\n')

    assert configuration.text("account_ids") == "a,b"
    assert configuration.text("lookback_days") == "3"
    assert configuration.text("start") is None


def test_a_table_is_one_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration.table("accounts") == {}

    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__ACCOUNTS", '{"a": "Production"}')
    assert configuration.table("accounts") == {"a": "Production"}

    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__ACCOUNTS", "Production")
    with pytest.raises(SettingsError, match=r"accounts is not a table"):
        configuration.table("accounts")


def test_a_package_that_is_not_imported_yet_cannot_be_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_package.py").write_text("VALUE = 1")
    monkeypatch.syspath_prepend(tmp_path)

    with configuration.without("slow_package"), pytest.raises(ModuleNotFoundError, match="slow_package"):
        importlib.import_module("slow_package")

    assert "slow_package" not in sys.modules
    assert importlib.import_module("slow_package").VALUE == 1
    with configuration.without("slow_package"):
        assert importlib.import_module("slow_package").VALUE == 1
