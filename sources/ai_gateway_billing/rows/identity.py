"""Which snapshots are the same version: those that agree in money, periods, status and lines, however they are written.

The order of fields and lines does not count, nor do letter case, blanks and the spelling of numbers. Of ids, and of
fields that are unknown and by their names ids or moments, it counts only that they are there: Cloudflare makes a
preview anew for every request, and may give it and its parts other ids each time.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from . import values
from .fields import PRICE, Field, Fields, Group
from .records import Row
from .tables import FIELDS

_IDS = frozenset({"id", "credit_balance_transaction", "discount"})
_PASSING = re.compile(r"(^|_)(id|uuid|guid|ray|nonce|etag|hash|checksum|signature|revision|version|timestamp|time|at)$")


ADDED = ("_dlt_id", "_dlt_parent_id", "_dlt_list_idx")
"""The columns that make dlt keep our ids."""


def identified(table: str, row: Row) -> Row:
    """The row with an id, made of what counts, for it and for each row of its child tables.

    So a row that says the same again has the ids that are stored already, and so have its children, whatever their
    order: none is stored beside a version that it does not belong to.
    """
    return _with_ids(row, FIELDS[table], table)


def _with_ids(row: Row, fields: Fields, *place: Any) -> Row:
    own = _mark(*place, _form(row, fields))
    found: Row = {**row, "_dlt_id": own}
    for name, value in row.items():
        declared = fields.get(name)
        if isinstance(declared, Group) and isinstance(value, list):
            found[name] = _children(value, declared.fields, own, name)
    return found


def _children(rows: list[Row], fields: Fields, parent: str, name: str) -> list[Row]:
    """With what dlt would add, but for rows that have an id."""
    found, seen = [], Counter[str]()
    for index, row in enumerate(rows):
        form = _form(row, fields)
        child = _with_ids(row, fields, parent, name, seen[form])
        found.append(child | {"_dlt_parent_id": parent, "_dlt_list_idx": index})
        seen[form] += 1
    return found


def _mark(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _form(row: Mapping[str, Any], fields: Fields) -> str:
    """What counts of a row, as text."""
    known = {name: _counted(name, value, fields.get(name)) for name, value in row.items()}
    return json.dumps({name: value for name, value in known.items() if value is not None}, sort_keys=True)


def _counted(name: str, value: Any, declared: Field | Group | None) -> Any:
    if value is None or value == []:
        return None
    if name in _IDS or (declared is None and _PASSING.search(name)):
        return True
    if isinstance(declared, Group):
        return sorted(_form(each, declared.fields) for each in (value if isinstance(value, list) else [value]))
    if isinstance(declared, Field) and declared.kind is PRICE:
        return _number(value)
    return _plain(value) if declared else _unknown(value)


def _number(number: Decimal | str) -> str:
    """In one spelling, if it is one."""
    try:
        return str(values.decimal(Decimal(number)))
    except (ArithmeticError, ValueError):
        return _plain(number)


def _plain(value: Any) -> str:
    return " ".join(str(value).split()).casefold()


def _unknown(value: Any) -> Any:
    """An object or a list is kept as JSON text, in the order in which it came."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return _sorted(json.loads(value, parse_float=Decimal, parse_int=Decimal))
        except (ArithmeticError, RecursionError, ValueError):
            pass  # text that only begins like it
    return _plain(value)


def _sorted(value: Any) -> Any:
    """In one order. It stays an object: text in text would double with every level."""
    if isinstance(value, dict):
        return {name: True if _PASSING.search(name) else _sorted(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=partial(json.dumps, sort_keys=True))
    return _number(value) if isinstance(value, Decimal) else _plain(value)
