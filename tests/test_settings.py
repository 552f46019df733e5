"""Where a setting comes from: option, environment, dlt's files, default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.settings import resolve
from support.command import start_aig

ENVIRONMENT = {
    "CLOUDFLARE_API_TOKEN": "token-of-the-environment",
    "CLOUDFLARE_ACCOUNT_ID": "a" * 32,
    "CLOUDFLARE_BASE_URL": "https://environment.example/v4",
    "AIG_BILLING_START": "2026-02-02",
    "AIG_BILLING_DATABASE": "environment.duckdb",
    "AIG_BILLING_DESTINATION": "postgres",
    "AIG_BILLING_INCLUDE_SENSITIVE": "true",
    "AIG_BILLING_USAGE_UNIT": "dollars",
}
CONFIG = """
[sources.ai_gateway_billing]
account_ids = ["aa", "bb"]
base_url = "https://file.example/v4"
start = "2026-03-03"
include_sensitive = true
usage_unit = "dollars"
"""
SECRETS = """
[sources.ai_gateway_billing]
api_token = "token-of-the-file"
"""


@pytest.fixture
def dlt_files() -> None:
    """As somebody has them in the folder where a load runs."""
    import dlt
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs import PluggableRunContext

    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text(CONFIG)
    Path(".dlt/secrets.toml").write_text(SECRETS)
    assert dlt.__version__
    Container()[PluggableRunContext].reload()


def test_defaults() -> None:
    found = resolve(environ={})

    assert found == settings.Settings(
        api_token=None,
        accounts=None,
        base_url="https://api.cloudflare.com/client/v4",
        start="2025-08-01",
        database=Path("billing.duckdb"),
        destination="duckdb",
        include_sensitive=False,
        usage_unit="cents",
    )


def test_the_environment_wins_over_defaults() -> None:
    found = resolve(environ=ENVIRONMENT)

    assert found == settings.Settings(
        api_token="token-of-the-environment",
        accounts="a" * 32,
        base_url="https://environment.example/v4",
        start="2026-02-02",
        database=Path("environment.duckdb"),
        destination="postgres",
        include_sensitive=True,
        usage_unit="dollars",
    )


def test_an_option_wins_over_the_environment() -> None:
    found = resolve(
        account=["b" * 32],
        base_url="https://option.example/v4",
        start="2026-01-01",
        database="option.duckdb",
        destination="filesystem",
        environ=ENVIRONMENT,
    )

    assert found.accounts == ["b" * 32]
    assert found.base_url == "https://option.example/v4"
    assert found.start == "2026-01-01"
    assert found.database == Path("option.duckdb")
    assert found.destination == "filesystem"


@pytest.mark.usefixtures("dlt_files")
def test_dlts_files_win_over_defaults() -> None:
    found = resolve(environ={})

    assert found.token() == "token-of-the-file"
    assert found.accounts == "aa,bb"
    assert found.base_url == "https://file.example/v4"
    assert found.start == "2026-03-03"
    assert found.include_sensitive is True
    assert found.usage_unit == "dollars"


@pytest.mark.usefixtures("dlt_files")
def test_the_environment_wins_over_dlts_files() -> None:
    found = resolve(environ=ENVIRONMENT | {"AIG_BILLING_USAGE_UNIT": "cents", "AIG_BILLING_INCLUDE_SENSITIVE": "no"})

    assert found.token() == "token-of-the-environment"
    assert (found.start, found.usage_unit, found.include_sensitive) == ("2026-02-02", "cents", False)


@pytest.mark.parametrize(
    ("variable", "value"), [("AIG_BILLING_USAGE_UNIT", "euros"), ("AIG_BILLING_INCLUDE_SENSITIVE", "maybe")]
)
def test_a_value_that_cannot_be_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is '{value}'"):
        resolve(environ={variable: value})


@pytest.mark.usefixtures("dlt_files")
def test_a_token_file_wins_over_dlts_files() -> None:
    Path("token").write_text("from-a-file")

    assert resolve(environ={"CLOUDFLARE_API_TOKEN_FILE": "token"}).token() == "from-a-file"


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("config.toml", b"\xef\xbb\xbf[sources.ai_gateway_billing]\n", "load"),
        ("secrets.toml", "[sources.ai_gateway_billing]\n".encode("utf-16"), "doctor"),
        ("config.toml", b"[sources", "accounts"),
    ],
    ids=["byte order mark", "utf-16", "syntax"],
)
def test_a_file_of_dlts_that_cannot_be_read_is_named(name: str, content: bytes, command: str) -> None:
    Path(".dlt").mkdir()
    (Path(".dlt") / name).write_bytes(content)

    process = start_aig(command)  # dlt reads its files once in a process
    _, err = process.communicate(timeout=60)

    (Path(".dlt") / name).unlink()
    assert process.returncode == 2, err
    assert re.fullmatch(rf"\S+Z Error: \S*{name} cannot be read: .*UTF-8.*\n", err)


def test_an_empty_variable_is_not_set() -> None:
    assert resolve(environ=dict.fromkeys(ENVIRONMENT, "")) == resolve(environ={})


def test_a_missing_token_tells_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r'CLOUDFLARE_API_TOKEN .* "AI Gateway Read"'):
        resolve(environ={}).token()


def test_settings_never_show_the_token() -> None:
    assert "token" not in repr(resolve(environ=ENVIRONMENT))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("accounts = 5", "accounts is not a table"),
        (f'accounts.{"a" * 32} = ""', f"The alias of account {'a' * 32} is empty"),
        (f"accounts.{'a' * 32} = 5", "is not text"),
        (f'accounts.{"a" * 32} = "a\\nb"', "control character"),
    ],
)
@pytest.mark.usefixtures("dlt_files")
def test_an_alias_that_is_none_is_refused(config: str, words: str) -> None:
    Path(".dlt/config.toml").write_text(f"[sources.ai_gateway_billing]\n{config}\n")

    with pytest.raises(SettingsError, match=re.escape(words)):
        resolve(environ={})


@pytest.mark.usefixtures("dlt_files")
def test_aliases_come_from_a_table_or_from_json_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".dlt/config.toml").write_text(f'[sources.ai_gateway_billing.accounts]\n{"A" * 32} = " Research "\n')
    assert resolve(environ={}).aliases == {"a" * 32: "Research"}

    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__ACCOUNTS", f'{{"{"b" * 32}": "Production"}}')
    assert resolve(environ={}).aliases == {"b" * 32: "Production"}
