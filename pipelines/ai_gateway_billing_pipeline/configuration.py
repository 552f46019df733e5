"""dlt's configuration as the command wants it: nothing in its surroundings decides what a load does.

dlt looks for each of its settings in the environment and in files, by names as short as `DEV_MODE` or `WORKERS`, which
other programs have, too. Within `only` it finds there what was named, and elsewhere its own defaults.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.configuration.providers.doc import CustomLoaderDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext

from ai_gateway_billing.errors import SettingsError


@contextmanager
def only(*allowed: str) -> Iterator[None]:
    """While this lasts, dlt finds settings at or below these names alone, such as `destination.postgres.credentials`.

    Raises dlt's `ConfigurationException` when a settings file cannot be read.
    """
    context = PluggableRunContext(_Context([tuple(name.split(".")) for name in allowed]))
    with Container().injectable_context(context):
        yield


def table(key: str) -> Mapping[str, object]:
    """A table of dlt's config files, or JSON in its variable. Raises `SettingsError` for something else."""
    value = _look_up(key)
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise SettingsError(f"The setting sources.ai_gateway_billing.{key} is not a table. See Settings in the README.")


def text(key: str) -> str | None:
    """A value of dlt's config or secrets files as text; a list with commas."""
    value = _look_up(key)
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return None if value is None else str(value)


def _look_up(key: str) -> object:
    """As dlt finds it by its own rules."""
    place = dlt.secrets if key == "api_token" else dlt.config
    try:
        with only("sources.ai_gateway_billing"):
            return place.get(f"sources.ai_gateway_billing.{key}")
    except ConfigurationException as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> SettingsError:
    paths = [path for path in getattr(error, "full_paths", ()) if Path(path).exists()]
    reason = str(error).rpartition("\n")[2]
    return SettingsError(
        f"{' or '.join(paths) or 'A settings file of dlt'} cannot be read: {reason}. "
        "It must be TOML, saved as UTF-8 without a byte order mark."
    )


@contextmanager
def without(package: str) -> Iterator[None]:
    """While this lasts, a package that is not imported yet cannot be.

    At the first list that Arrow is given, it imports pandas to see whether the list is one of its, and where it is
    installed that takes as long as the rest of a small load.
    """
    finder = _Nowhere(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Nowhere:
    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == self._package:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


class _Context(RunContext):
    """dlt's usual places for settings, behind a filter; no vaults and no plugins, which have settings of their own."""

    def __init__(self, allowed: Sequence[tuple[str, ...]]) -> None:
        super().__init__(None)
        self._allowed = allowed

    @property
    def global_dir(self) -> str:
        with warnings.catch_warnings(action="ignore"):  # of two homes for its files dlt takes one, and always says so
            return super().global_dir

    def initial_providers(self) -> list[ConfigProvider]:
        own = CustomLoaderDocProvider("the command", _own_settings, locations=[])
        return [own, *(_Filter(provider, self._allowed) for provider in super().initial_providers())]


def _own_settings() -> dict[str, Any]:
    """What goes wrong in dlt ends in one sentence of ours: its own log would repeat it with a traceback each time."""
    level = logging.getLogger().level
    return {
        "runtime": {
            "dlthub_telemetry": False,
            "intercept_signals": False,
            "log_level": logging.getLevelName(level) if level in (logging.DEBUG, logging.INFO) else "CRITICAL",
        },
        "providers": {"enable_airflow_secrets": False},
    }


class _Filter(ConfigProvider):
    """One of dlt's places for settings, of which all but a few names are left out."""

    def __init__(self, place: ConfigProvider, allowed: Sequence[tuple[str, ...]]) -> None:
        self._place = place
        self._allowed = allowed

    def get_value(self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        path = (*sections, key)
        if any(path[: len(name)] == name for name in self._allowed):
            return self._place.get_value(key, hint, pipeline_name, *sections)
        return None, ".".join(path)

    def get_value_location(self, key: str, pipeline_name: str | None, *sections: str) -> str:
        return self._place.get_value_location(key, pipeline_name, *sections)

    @property
    def name(self) -> str:
        return self._place.name

    @property
    def supports_secrets(self) -> bool:
        return self._place.supports_secrets

    @property
    def supports_sections(self) -> bool:
        return self._place.supports_sections

    @property
    def is_empty(self) -> bool:
        return self._place.is_empty

    @property
    def locations(self) -> Sequence[str]:
        return self._place.locations

    @property
    def present_locations(self) -> Sequence[str]:
        return self._place.present_locations
