"""What of dlt's settings is known without dlt: nothing that dlt finds may be missed, nor a file that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dlt.common.configuration.providers import CustomLoaderDocProvider, environ
from dlt.common.runtime.run_context import RunContext

from ai_gateway_billing_pipeline import dlt_files, settings

BUDGETS = '[sources.ai_gateway_billing.budgets.team]\namount = 5\nperiod = "day"\n'


@pytest.mark.parametrize("user", [0, 1000], ids=["root", "somebody"])
@pytest.mark.parametrize("home", ["there", "with .dlt", "missing"])
@pytest.mark.parametrize("places", [{}, {"DLT_PROJECT_DIR": "project"}], ids=["here", "elsewhere"])
@pytest.mark.parametrize("data", [True, False], ids=["XDG_DATA_HOME", "no XDG_DATA_HOME"])
@pytest.mark.filterwarnings("ignore:XDG_DATA_HOME")
def test_every_file_that_dlt_looks_into_is_known(
    user: int, home: str, places: dict[str, str], data: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if home == "with .dlt":
        (Path.home() / ".dlt").mkdir()
    if home == "missing":
        monkeypatch.setenv("HOME", "/nowhere")
    if not data:
        monkeypatch.delenv("XDG_DATA_HOME")
    for name, value in places.items():
        monkeypatch.setenv(name, value)

    found = {os.path.normpath(file) for file in dlt_files.files()}

    providers = [each for each in RunContext(None).initial_providers() if isinstance(each, CustomLoaderDocProvider)]
    looked_into = {os.path.normpath(path) for provider in providers for path in provider.locations}
    assert len(looked_into) == 4
    assert looked_into <= found


@pytest.mark.parametrize(
    ("content", "may_have"),
    [
        (BUDGETS.encode(), True),
        (b"sources.ai_gateway_billing.budgets = 5", True),
        (BUDGETS.encode("utf-16"), True),
        (b"[sources", True),
        (b"[sources.ai_gateway_billing]\nstart = 'budgets'\n", False),
        (b"sources = 5", False),
        (b"", False),
    ],
    ids=["table", "no table", "utf-16", "syntax", "other setting", "other sources", "empty"],
)
@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
def test_a_file_is_left_to_dlt_that_has_the_setting_or_cannot_be_read(
    name: str, content: bytes, may_have: bool
) -> None:
    Path(".dlt").mkdir()
    Path(".dlt", name).write_bytes(content)

    assert dlt_files.may_have("budgets") is may_have


def test_a_variable_is_left_to_dlt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not dlt_files.may_have("budgets")

    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__BUDGETS", "{}")

    assert dlt_files.may_have("budgets")


def test_a_folder_that_is_called_like_a_file_is_none() -> None:
    Path(".dlt/config.toml").mkdir(parents=True)

    assert not dlt_files.may_have("budgets")


@pytest.mark.parametrize("is_folder", [False, True], ids=["Docker", "Kubernetes"])
def test_a_mounted_secret_is_left_to_dlt(is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "sources--ai-gateway-billing--api-token"
    assert environ.SECRET_STORAGE_PATH % name == dlt_files.SECRETS.format(name)
    monkeypatch.setattr(environ, "SECRET_STORAGE_PATH", f"{tmp_path}/%s")
    monkeypatch.setattr(dlt_files, "SECRETS", f"{tmp_path}/{{}}")
    secret = tmp_path / name / name if is_folder else tmp_path / name
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("mounted")
    for change in (lambda variable: monkeypatch.setenv(variable, ""), monkeypatch.delenv):  # dlt sets it for good
        change("SOURCES__AI_GATEWAY_BILLING__API_TOKEN")

    assert settings.resolve(environ={}).api_token == "mounted"
