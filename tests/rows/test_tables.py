"""The one declaration of each field: what the API's contract says of it, and what dlt is told of its column."""

from __future__ import annotations

from typing import Any

import pytest

from ai_gateway_billing.rows import fields
from ai_gateway_billing.rows.fields import Field, Fields
from ai_gateway_billing.rows.tables import ATTRIBUTION, FIELDS, RESOURCES, SENSITIVE, TABLES, columns_of
from support import api_schemas
from support.api_schemas import Schema

CONTRACT: dict[str, Schema] = {
    "usage_hourly": api_schemas.RESULTS["usage-history"]["properties"]["history"]["items"],
    "usage_daily": api_schemas.RESULTS["usage-history"]["properties"]["history"]["items"],
    "invoices": api_schemas.INVOICE,
    "invoice_preview": api_schemas.RESULTS["invoice-preview"],
    "credit_balance": api_schemas.RESULTS["credit-balance"],
    "topup_config": api_schemas.TOPUP_CONFIG,
    "spending_limit": api_schemas.RESULTS["spending-limit"],
}
TYPES = {
    "text": {"data_type": "text"},
    "timestamp": {"data_type": "timestamp"},
    "bool": {"data_type": "bool"},
    "bigint": {"data_type": "bigint"},
    "date": {"data_type": "date"},
    "decimal": {"data_type": "decimal", "precision": 38, "scale": 18},
}
JSON = {"decimal": "number", "timestamp": "number", "bigint": "number", "bool": "boolean", "text": "string"}
KEYS = {
    "usage_hourly": {"merge_key": ["account_id", "bucket_start"], "hard_delete": ["withdrawn"]},
    "usage_daily": {"merge_key": ["account_id", "bucket_start"], "hard_delete": ["withdrawn"]},
    "usage_coverage": {"primary_key": ["account_id", "grouping", "day"]},
    "invoices": {"primary_key": ["account_id", "id"], "hard_delete": ["withdrawn"]},
    "gateway_usage_hourly": {"merge_key": ["account_id", "hour"], "hard_delete": ["withdrawn"]},
    "gateway_usage_tags_hourly": {"merge_key": ["account_id", "hour"], "hard_delete": ["withdrawn"]},
    "gateway_usage_gaps": {"primary_key": ["account_id", "resource", "gap_start"]},
}


def compare(declared: Fields, contract: Schema, path: str) -> None:
    """Every key of the contract is declared once, with its type, and never stricter than it is promised."""
    sent = {each.sent_as or name: each for name, each in declared.items() if each.need is not fields.OURS}
    assert sent.keys() == contract["properties"].keys(), path
    for name, each in sent.items():
        schema: dict[str, Any] = contract["properties"][name]
        may_be_null = "anyOf" in schema
        schema = schema["anyOf"][0] if may_be_null else schema
        where = f"{path}.{name}"
        if each.need is fields.REQUIRED:
            assert name in contract["required"], where
            assert not may_be_null, where
        elif each.need in {fields.NULLABLE, fields.EXPECTED}:
            assert name in contract["required"], where
            assert may_be_null or not isinstance(each, Field), where
        if isinstance(each, Field):
            assert schema.get("type", "string") == JSON[each.kind.hint["data_type"]], where
        else:
            compare(each.fields, schema["items"] if each.many else schema, where)


@pytest.mark.parametrize("table", CONTRACT)
def test_a_field_is_declared_as_the_contract_promises_it(table: str) -> None:
    compare(FIELDS[table], CONTRACT[table], table)


@pytest.mark.parametrize("table", FIELDS)
def test_dlt_is_told_exactly_what_is_declared(table: str) -> None:
    """Type, NULL and meaning of every column, the keys of its table, and nothing else."""
    for name, hint in columns_of(table, include_sensitive=True).items():
        rest = {key: value for key, value in hint.items() if key not in {"nullable", "description"}}
        keys = {key: True for key, names in KEYS.get(table, {}).items() if name in names}
        assert rest == TYPES[hint["data_type"]] | keys, name
        assert hint["description"].strip(), name
        assert not (hint["nullable"] and keys.keys() & {"primary_key", "merge_key"}), name


def test_a_child_table_is_declared_inside_its_parent_and_listed_beside_it() -> None:
    children = {
        child for table in (*RESOURCES, *ATTRIBUTION) for child, _ in fields.with_children(table, FIELDS[table])
    }

    assert children == FIELDS.keys() == TABLES.keys()


def test_what_is_sensitive_is_a_column_only_when_asked_for() -> None:
    found = {(table, name) for table, columns in SENSITIVE.items() for name in columns}

    assert found == {
        ("invoices", "invoice_pdf"),
        ("credit_balance", "payment_method__brand"),
        ("credit_balance", "payment_method__last4"),
    }
    assert not [key for key in found if key[1] in TABLES[key[0]]]
    assert all(columns_of(table, False) == TABLES[table] for table in TABLES)
