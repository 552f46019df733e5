"""Columns that the load adds to what the API sends, the same in many tables."""

from .fields import FLAG, OURS, TEXT, Field

_ACCOUNT = "Cloudflare account id, 32 hex characters"
_WITHDRAWN = "Always NULL here: during a load it marks what the API no longer returns"

ACCOUNT = Field(TEXT, OURS, _ACCOUNT)
ACCOUNT_KEY = Field(TEXT, OURS, _ACCOUNT, hints={"primary_key": True})
ACCOUNT_MERGED = Field(TEXT, OURS, _ACCOUNT, hints={"merge_key": True})
WITHDRAWN = Field(FLAG, OURS, _WITHDRAWN, hints={"nullable": True})
DELETED = Field(FLAG, OURS, _WITHDRAWN, hints={"nullable": True, "hard_delete": True})
