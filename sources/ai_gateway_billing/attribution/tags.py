"""Tags of requests: some keys of their custom metadata, which comes as the JSON text that somebody's program sent.

Values may be personal data, so nothing is taken but what was asked for by name, and values may be hashed. The hash is
keyed: without the key, which stays with the database, nobody can try names against it.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ai_gateway_billing.api import bodies
from ai_gateway_billing.rows import unknown

_LONGEST = 200
"""Characters of a value that are kept; what is longer ends in a mark of the whole."""
_LARGEST = 100_000


@dataclass(frozen=True, slots=True)
class Tags:
    """Which tags are taken. `key`: hashes their values; "" leaves them as they are."""

    names: Sequence[str]
    key: str = ""

    def of(self, metadata: object) -> dict[str, str | None]:
        """The value of each tag; None where the metadata has none or cannot be read."""
        found = _parsed(metadata)
        return {name: self._shown(name, found.get(name)) for name in self.names}

    def _shown(self, name: str, value: Any) -> str | None:
        text = _text(value)
        if text is None or not self.key:
            return text
        return hmac.new(self.key.encode(), f"{name}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def _parsed(metadata: object) -> dict[str, Any]:
    if not isinstance(metadata, str) or len(metadata) > _LARGEST:
        return {}
    try:
        found = bodies.parse(metadata.encode())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        value = unknown.as_json(value)
    text = str(value) if isinstance(value, (int, Decimal)) else value
    text = "".join(letter for letter in text if letter.isprintable())
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…{hashlib.sha256(text.encode()).hexdigest()[:12]}"
