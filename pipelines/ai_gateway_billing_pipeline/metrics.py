"""What is spent, left and wrong, as gauges in Prometheus's text format.

A gauge is a file of `database/sql/metrics/`, named after it: its first line is the help, its columns are the labels and
the `value`. Names follow Prometheus: seconds, ratios and Unix times; the unit of money is the label `currency`. What is
not known is absent, never 0. Numbers become floats at this last step, because Prometheus has no others.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import metadata, resources
from typing import Any

import duckdb
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ai_gateway_billing_pipeline.database import checks, views

_FILES = resources.files("ai_gateway_billing_pipeline.database").joinpath("sql", "metrics")

GAUGES = tuple(sorted(file.name.removesuffix(".sql") for file in _FILES.iterdir() if file.name.endswith(".sql")))


class _Collector:
    """What `prometheus_client` asks for."""

    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Sequence[GaugeMetricFamily]:
        return self._families


def text(connection: duckdb.DuckDBPyConnection, now: datetime, limits: checks.Limits) -> bytes:
    """All gauges. The connection may be read-only."""
    registry = CollectorRegistry()
    registry.register(_Collector([*_gauges(connection, now), _findings(connection, now, limits), _build()]))
    return generate_latest(registry)


def _gauges(connection: duckdb.DuckDBPyConnection, now: datetime) -> Iterator[GaugeMetricFamily]:
    texts = [_FILES.joinpath(f"{name}.sql").read_text("utf-8") for name in GAUGES]
    for name, text, statement in zip(GAUGES, texts, views.once(connection, texts), strict=True):
        meaning = text.partition("\n")[0].removeprefix("-- ")
        given = {"now": now} if "$now" in statement else {}
        found = connection.execute(statement, given)
        labels = [column[0] for column in found.description[:-1]]
        yield _gauge(name, meaning, labels, found.fetchall())


def _findings(connection: duckdb.DuckDBPyConnection, now: datetime, limits: checks.Limits) -> GaugeMetricFamily:
    counts = dict.fromkeys(checks.SEVERITIES, 0)
    for found in checks.findings(connection, now, limits):
        counts[found.severity] += not found.accepted
    return _gauge("findings", "What `check` finds and nobody accepted.", ("severity",), list(counts.items()))


def _build() -> GaugeMetricFamily:
    version = metadata.version("cloudflare-ai-gateway-billing")
    return _gauge("build_info", "1, with the version that wrote this.", ("version",), [(version, 1)])


def _gauge(name: str, meaning: str, labels: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"aig_billing_{name}", meaning, labels=labels)
    known = ((list(map(str, row[:-1])), float(row[-1])) for row in rows if row[-1] is not None)
    for values, number in sorted(known):
        family.add_metric(values, number)
    return family
