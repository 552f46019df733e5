"""Which destinations can hold exactly what a load writes. The rest is refused before anything is asked or written."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import DestinationException
from dlt.common.destination.reference import Destination
from dlt.common.exceptions import MissingDependencyException

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.redaction import first_line
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline import configuration
from ai_gateway_billing_pipeline.settings import FILE

from . import atomic, shards

Target = Destination[Any, Any]

SUPPORTED: dict[str, Callable[..., Target]] = {"postgres": atomic.Postgres, "ducklake": atomic.DuckLake}
"""Beside the file: what a load is tested with. Others that say they can do what it needs are used with a warning."""
UNTESTED = "was not tested here. Compare its tables after the first load with those of a load into DuckDB."
_ALTERNATIVES = "Use duckdb, postgres or ducklake"
_WHERE = ("credentials", "catalog", "storage", "location", "project_id")
"""Settings of a destination that say where it is and nothing of what is stored there."""
_INEXACT = ("dlt.destinations.sqlalchemy",)  # SQLite has floats, MySQL no time zones, and dlt cannot tell them apart


@contextmanager
def opened(name: str, shard: str | None = None) -> Iterator[Target | None]:
    """The destination that a load writes to, None for the DuckDB file; while this lasts, dlt finds its settings alone.

    Raises `SettingsError` for one that is not known, cannot do what a load needs, lacks its driver or its settings.
    """
    shards.checked(shard)
    if name == FILE:
        with configuration.only():
            yield None
        return
    with configuration.only():
        destination = able(name, shard)
    place = f"destination.{destination.destination_name}"
    with configuration.only(*(f"{place}.{setting}" for setting in _WHERE)):
        _check_settings(destination, name, place)
        yield destination


def able(name: str, shard: str | None) -> Target:
    """A destination other than the file. Raises `SettingsError` for one that cannot do what a load needs."""
    destination = _known(name, shard)
    _refuse(destination, name)
    if shard and name not in SUPPORTED:
        raise SettingsError(f"The destination {name} has no lock for shards. {_ALTERNATIVES}, or leave out --shard.")
    return destination


def _known(name: str, shard: str | None) -> Target:
    try:
        if name in SUPPORTED:
            layout = shards.staging_dataset(shard)
            return SUPPORTED[name](destination_name=name, staging_dataset_name_layout=layout)
        destination = Destination.from_reference(name)
    except (DestinationException, MissingDependencyException, ImportError, ValueError) as error:
        raise SettingsError(f"There is no destination {name}. {_ALTERNATIVES}.") from error
    if destination is None:
        raise SettingsError(f"The destination has no name. {_ALTERNATIVES}.")
    return destination


def _refuse(destination: Target, name: str) -> None:
    """What dlt knows of a destination has to be enough; its driver has to be here."""
    able = destination.capabilities()
    missing = {"delete-insert", "scd2"} - set(able.supported_merge_strategies or ())
    if missing:
        raise SettingsError(f"The destination {name} cannot replace rows or keep their versions. {_ALTERNATIVES}.")
    if not _is_exact(destination):
        raise SettingsError(f"The destination {name} does not keep decimals exact. {_ALTERNATIVES}.")
    if able.timestamp_precision < 6 or not able.supports_tz_aware_datetime:
        raise SettingsError(f"The destination {name} does not keep times exact. {_ALTERNATIVES}.")
    try:
        _ = destination.client_class
    except (ImportError, MissingDependencyException) as error:
        raise _no_driver(destination, name) from error


def _is_exact(destination: Target) -> bool:
    if destination.destination_type in _INEXACT:
        return False
    mapper = destination.capabilities().get_type_mapper()
    kind = str(mapper.to_destination_type({"data_type": "decimal", "precision": 38, "scale": 18}, {"name": "any"}))
    return kind.replace(" ", "").endswith("(38,18)")


def _check_settings(destination: Target, name: str, place: str) -> None:
    """Everything that the destination needs to be found is there. Nothing is connected."""
    how = f"Set it below [{place}] in .dlt/secrets.toml, as dlt's page on this destination says."
    try:
        with tempfile.TemporaryDirectory() as folder:
            dlt.pipeline(
                "check", pipelines_dir=folder, destination=destination, dataset_name=DATASET
            ).destination_client()
    except ConfigFieldMissingException as error:
        raise SettingsError(f"The destination {name} lacks a setting: {', '.join(error.traces)}. {how}") from error
    except ConfigurationException as error:
        raise SettingsError(f"A setting of the destination {name} is wrong: {first_line(error)} {how}") from error
    except (ImportError, MissingDependencyException) as error:
        raise _no_driver(destination, name) from error


def _no_driver(destination: Target, name: str) -> SettingsError:
    if name in SUPPORTED:
        return SettingsError(
            f"The destination {name} needs the extra `{name}`, which a plain install leaves out. In the folder of this "
            f"project, run: pip install '.[{name}]'"
        )
    extra = destination.destination_type.rpartition(".")[2]
    return SettingsError(f'The destination {name} needs its driver. Install it: pip install "dlt[{extra}]"')
