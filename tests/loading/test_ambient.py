"""Settings of dlt in the surroundings, by every name that dlt declares and in every place where it looks: none decides.

Each is set to something else than its default, and dlt resolves the configuration that declares it as it does in a
load. Whole loads, with all of them at once, leave the rows and schemas that a load in clean surroundings leaves.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.resolve import inject_section
from dlt.common.configuration.specs import BaseConfiguration, ContainerInjectableContext, CredentialsConfiguration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext

from ai_gateway_billing_pipeline import configuration
from support.bench import Bench, Row
from support.command import serving, start_aig
from support.constants import ACCOUNT, DAY

PIPELINE = "ai_gateway_billing"
PASSED = ("common", "extract", "load", "normalize", "pipeline", "destinations.impl.duckdb")
SECTIONS = (
    "",
    "credentials",
    "data_writer",
    "destination",
    "destination.duckdb",
    "destination.duckdb.credentials",
    "extract",
    "extract.data_writer",
    "load",
    "normalize",
    "normalize.data_writer",
    "pipelines",
    "providers",
    "runtime",
    "schema",
    f"sources.{PIPELINE}",
    f"sources.{PIPELINE}.extract",
    f"sources.{PIPELINE}.schema",
)
PLACES = ["environment", "pipeline's environment", "config.toml", "secrets.toml", "home's config.toml"]


def subclasses(kind: type[BaseConfiguration]) -> Iterator[type[BaseConfiguration]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def is_ours(kind: type[BaseConfiguration]) -> bool:
    """Does a load into DuckDB pass through it? Contexts are set by code alone, credentials elsewhere by their cloud."""
    passed = any(kind.__module__.startswith(f"dlt.{package}.") for package in PASSED)
    is_elsewhere = issubclass(kind, CredentialsConfiguration) and ".duckdb." not in kind.__module__
    return passed and not is_elsewhere and not issubclass(kind, ContainerInjectableContext)


@cache
def declared() -> dict[str, type[BaseConfiguration]]:
    for package in PASSED:
        module = importlib.import_module(f"dlt.{package}")
        for found in pkgutil.iter_modules(module.__path__, f"{module.__name__}."):
            importlib.import_module(found.name)
    kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in subclasses(BaseConfiguration) if is_ours(kind)}
    return {name: kind for name, kind in sorted(kinds.items()) if kind().get_resolvable_fields()}


def other(default: Any, hint: Any) -> Any:
    """A value that the field may have, and has not by default."""
    if isinstance(default, bool) or "bool" in str(hint):
        return not default
    if isinstance(default, int | float) or any(word in str(hint) for word in ("int", "float")):
        return int(default or 0) + 3
    if any(word in str(hint).lower() for word in ("list", "sequence", "tuple")):
        return ["whatever"]
    return "whatever"


def named(kind: type[BaseConfiguration]) -> dict[str, Any]:
    """Every field of a configuration with another value than its default."""
    empty = kind()
    return {key: other(getattr(empty, key, None), hint) for key, hint in empty.get_resolvable_fields().items()}


def put(place: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write settings by their dotted names where dlt finds them."""
    if "environment" in place:
        prefix = f"{PIPELINE.upper()}__" if "pipeline" in place else ""
        for name, value in settings.items():
            variable = prefix + name.replace(".", "__").upper()
            if variable not in os.environ:
                monkeypatch.setenv(variable, str(value).replace("'", '"'))
        return
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # whose home counts; that of root is elsewhere
    folder = Path.home() / ".dlt" if "home" in place else Path(".dlt")
    folder.mkdir(exist_ok=True)
    document: dict[str, Any] = {}
    for name, value in settings.items():
        *sections, key = name.split(".")
        table: Any = document
        for section in sections:
            table = table.setdefault(section, {}) if isinstance(table, dict) else None
        if isinstance(table, dict) and not isinstance(table.get(key), dict):
            table[key] = value
    (folder / place.rpartition(" ")[2]).write_text(tomlkit.dumps(document))


def everything() -> dict[str, Any]:
    """Every setting below every section, tables first, so that none hides another."""
    fields: dict[str, Any] = {}
    for kind in declared().values():
        fields |= named(kind)
    fields |= {"full_refresh": True, "dev_mode": True, "refresh": "drop_sources"}
    sections = sorted(SECTIONS, key=lambda section: -section.count("."))
    return {f"{section}.{key}".lstrip("."): value for section in sections for key, value in fields.items()}


def resolved(kind: type[BaseConfiguration], within: AbstractContextManager[Any]) -> str:
    """What dlt makes of a configuration, or what it fails with."""
    sections = ("destination", "duckdb") if "destination" in kind.__module__.lower() else ()
    context = ConfigSectionContext(pipeline_name=PIPELINE, sections=sections)
    try:
        with within, inject_section(context):
            return repr(plain(resolve_configuration(kind(), sections=sections, accept_partial=True)))
    except Exception as error:  # noqa: BLE001 - that too has to be the same
        return type(error).__name__


def plain(value: Any) -> Any:
    """A configuration with those that it contains, comparable."""
    if isinstance(value, BaseConfiguration):
        return {key: plain(getattr(value, key, None)) for key in value.get_resolvable_fields() if key != "conn_pool"}
    return repr(value)


@pytest.fixture
def in_clean_surroundings() -> dict[str, str]:
    return {name: resolved(kind, configuration.only()) for name, kind in declared().items()}


def differences(place: str, is_pinned: bool, clean: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The settings that change the configuration that declares them when they stand in a place.

    One by one in the environment; files, which take longer to read, have all of a configuration at once.
    """
    found = []
    for name, kind in declared().items():
        fields = named(kind)
        for settings in [{key: value} for key, value in fields.items()] if "environment" in place else [fields]:
            section = f"{kind.__section__}." if kind.__section__ else ""
            with monkeypatch.context() as patch:
                put(place, settings | {section + key: value for key, value in settings.items()}, patch)
                if resolved(kind, configuration.only() if is_pinned else surroundings()) != clean[name]:
                    found.append(f"{name}: {', '.join(settings)}")
    return found


def surroundings() -> AbstractContextManager[Any]:
    """dlt's usual places for settings, as they are by now."""
    return Container().injectable_context(PluggableRunContext(Quiet(None)))


class Quiet(RunContext):
    def initialize_runtime(self, runtime_config: Any = None) -> None:
        pass


@pytest.mark.parametrize("place", PLACES)
def test_no_setting_decides(place: str, in_clean_surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert differences(place, True, in_clean_surroundings, monkeypatch) == []


def test_the_same_settings_decide_where_nothing_is_pinned(
    in_clean_surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above sets would change something: dlt's own users have it so."""
    found = {name.rpartition(" ")[2] for name in differences(PLACES[0], False, in_clean_surroundings, monkeypatch)}

    assert found >= {"dev_mode", "refresh", "naming", "workers", "log_level", "pipelines_dir", "create_indexes"}


# --- whole loads ------------------------------------------------------------------------------------------------------


def contents(bench: Bench) -> dict[str, list[Row]]:
    """Every column that is not dlt's own random name of a row or a load, of every table of every schema."""
    tables = bench.rows("select schema_name, table_name from duckdb_tables() order by all")
    found = {}
    for schema, table in tables:
        query = "select column_name, data_type from duckdb_columns() where schema_name = $1 and table_name = $2"
        columns = [f'"{name}"' for name, _ in bench.rows(query, schema, table) if not name.startswith("_dlt_")]
        if not table.startswith("_dlt_"):
            found[f"{schema}.{table}"] = bench.rows(
                f'select {", ".join(columns)} from "{schema}"."{table}" order by all'
            )
        else:
            found[f"{schema}.{table}"] = [(column,) for column in columns]
    return found


def loaded(folder: Path) -> dict[str, list[Row]]:
    """What a first load and one with changes leave."""
    bench = Bench(folder)
    account = bench.world.add_generated_account(ACCOUNT, start=bench.now.replace(day=20))
    bench.world.add_token(bench.token)
    bench.load_well()
    account.set_balance(Decimal(4321))
    bench.now += DAY
    bench.load_well()
    try:
        return contents(bench)
    finally:
        bench.close()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    return loaded(tmp_path_factory.mktemp("clean"))


@pytest.mark.thorough
@pytest.mark.parametrize("place", [PLACES[0], PLACES[2]])
def test_a_load_amid_every_setting_leaves_the_same_tables(
    place: str, clean: dict[str, list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        put(place, everything(), patch)
        amid = loaded(tmp_path)

    assert amid == clean
    assert len(clean["ai_gateway_billing.credit_balance"]) == 2


def test_a_process_amid_settings_of_other_programs_loads_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them dlt reads while it is imported."""
    for name, value in {
        "DEV_MODE": "true",
        "FULL_REFRESH": "true",
        "REFRESH": "drop_sources",
        "SCHEMA__NAMING": "direct",
        "RUNTIME__LOG_LEVEL": "WHATEVER",
        "RUNTIME__SLACK_INCOMING_HOOK": "whatever",
        "WORKERS": "nope",
        "DLT_DEFAULT_NAMING_MODULE": "direct",
        "DLT_DEFAULT_NAMING_NAMESPACE": "nowhere",
        "DLT_DLT_ID_LENGTH_BYTES": "nope",
        "DLT_INTERVAL_TIMEZONE": "nowhere",
        "DLT_JSON_TYPED_PUA_START": "nope",
        "DLT_USE_JSON": "simplejson",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(monkeypatch, ACCOUNT):
        process = start_aig("load", "--json", "--only", "credit_balance")
        out, err = process.communicate()

    assert process.returncode == 0, err
    assert json.loads(out)["rows"] == {"credit_balance": 1}
    assert [line.split()[-2:] for line in err.splitlines()] == [["credit_balance:", "done"]]
