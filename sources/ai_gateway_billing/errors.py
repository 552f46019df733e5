"""Every error that this package raises, and the exit code that each gives a command.

BillingError                       1  base of all
├─ SettingsError                   2  bad option, token, account id or base URL
├─ ApiError                        4  base of all that the API did or failed to do
│  ├─ AuthenticationError          3  401; 400 with code 6003, 6111 or 6103
│  ├─ BillingPermissionError       3  403
│  ├─ NotFoundError                4  404
│  ├─ BadRequestError              4  400 and every other 4xx
│  ├─ InvalidAnswerError           4  no usable answer: JSON cut short, 200 with `success: false`, too large
│  ├─ ForeignAnswerError           6  something in between answered: HTML, plain text, JSON of somebody else
│  ├─ ServerError                  4  5xx, after retries
│  ├─ PagesInconsistentError       4  pages that never fitted together
│  ├─ RateLimitedError             6  limited until patience ended
│  ├─ UnreachableError             6  no connection or no answer, after retries
│  ├─ PaymentDeclinedError         4  402: the card was not charged
│  └─ OutcomeUnknownError          1  a change that may have happened or not: never repeat it blindly
├─ RecordError                     4  an answer whose fields break the contract
├─ UnforeseenError                 4  an answer did what nobody foresaw
├─ DatabaseBusyError               5  another process writes the database
└─ DatabaseError                   1  corrupt, foreign or unwritable database

No message contains a token, card digits, a link or a URL: text that comes from outside goes through `redact`, and what
looks like a token is taken out of every message, because people put theirs into the wrong option.
"""

from .redaction import redact as redact  # noqa: PLC0414 - a part of this module for all who raise errors
from .redaction import without_tokens


class BillingError(Exception):
    """Base of all errors here. `exit_code` is what a command that ends with it returns, `summary` a word or two."""

    exit_code: int = 1
    summary: str = "failed"

    def __str__(self) -> str:
        return without_tokens(super().__str__())


class SettingsError(BillingError):
    """A setting is missing or cannot be right; the message says how to fix it. Nothing was sent."""

    exit_code = 2


class ApiError(BillingError):
    """The API refused, failed or was not there.

    `status`: HTTP status. `code`: the API's own first code. `path`: the endpoint, without account id and
    query. `account_id`: whose. `reason`: the API's own words, redacted. Each may be None.
    `retryable`: whether asking again may help.
    """

    exit_code = 4
    summary = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        path: str | None = None,
        account_id: str | None = None,
        reason: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.path = path
        self.account_id = account_id
        self.reason = reason
        self.retryable = retryable


class AuthenticationError(ApiError):
    """The token was refused or could not be read (401, or 400 with code 6003, 6111 or 6103)."""

    exit_code = 3
    summary = "token refused"


class BillingPermissionError(ApiError):
    """403: the token lacks the permission "AI Gateway Read" on this account, or is no good at all."""

    exit_code = 3
    summary = "permission missing"


class NotFoundError(ApiError):
    """404: no such account, or nothing there."""

    summary = "not found"


class BadRequestError(ApiError):
    """400 and every other 4xx: the request itself is refused."""

    summary = "request refused"


class InvalidAnswerError(ApiError):
    """An answer that cannot be used: cut short, too large, `success: false`, or null where data is due."""

    summary = "unusable answer"


class ForeignAnswerError(ApiError):
    """An answer without Cloudflare's envelope, whatever its status: a proxy, firewall or sign-in page gave it.

    It says nothing about the token, the account or the data.
    """

    exit_code = 6
    summary = "foreign answer"


class ServerError(ApiError):
    """5xx, after retries."""

    summary = "server error"


class PagesInconsistentError(ApiError):
    """The pages of a listing never fitted together, so no complete list can be vouched for."""

    summary = "pages did not fit"


class RateLimitedError(ApiError):
    """The API kept limiting us, or asked for a longer wait than we are ready for."""

    exit_code = 6
    summary = "rate limited"


class UnreachableError(ApiError):
    """No connection, or a connection without an answer, after retries."""

    exit_code = 6
    summary = "unreachable"


class PaymentDeclinedError(ApiError):
    """402: the card was declined, so nothing was charged and nothing changed."""


class OutcomeUnknownError(ApiError):
    """A change was sent, but no answer tells whether it happened. The message says how to find out.

    Its exit code is not that of `UnreachableError`, which invites to run again: here that could charge twice.
    """

    exit_code = 1


class RecordError(BillingError):
    """A field of an answer breaks the contract: `resource` and `field` say where, `reason` what is wrong."""

    exit_code = 4
    summary = "unusable answer"

    def __init__(self, resource: str, field: str, reason: str) -> None:
        super().__init__(resource, field, reason)
        self.resource = resource
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return without_tokens(f"{self.resource}: field {self.field} {self.reason}")


class UnforeseenError(BillingError):
    """Reading one resource of one account ended in a way that nobody foresaw. All else is loaded."""

    exit_code = 4


class DatabaseBusyError(BillingError):
    """Another process holds the database's writing lock."""

    exit_code = 5


class DatabaseError(BillingError):
    """The database file is corrupt, foreign or cannot be written."""
