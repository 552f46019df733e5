"""Every error that this package raises, and the exit code that each gives a command.

BillingError                       1  base of all
├─ SettingsError                   2  bad option, token, account id or base URL
├─ ApiError                        4  base of all that the API did or failed to do
│  ├─ AuthenticationError          3  401; 400 with code 6003, 6111 or 6103
│  ├─ BillingPermissionError       3  403
│  ├─ NotFoundError                4  404
│  ├─ BadRequestError              4  400 and every other 4xx
│  ├─ InvalidAnswerError           4  no proper envelope: HTML, torn JSON, 200 with `success: false`
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

No message holds a token, card digits, a link or a URL: text that comes from outside goes through `redact`.
"""

import re

_SECRETS = re.compile(
    r"(?i)\bbearer\s+\S+"  # a header quoted back at us
    r"|[a-z][a-z0-9+.-]*://\S+"  # links
    r"|\bwww\.\S+|\b[\w-]+(?:\.[\w-]+)+/\S*"  # links without a scheme
    r"|\S*%(?:2f|3a|40)\S*"  # either, URL-encoded
    r"|\S+@\S+"  # mail addresses
    r"|(?=\S*\d)[\w.~+/=-]{20,}"  # tokens and ids
    r"|\d(?:[ -]?\d){3,}"  # card digits: the last four already identify a card
)


def redact(text: str, *, secret: str = "", limit: int = 200) -> str:
    """Make text from outside fit for a message: one printable line, shortened, nothing sensitive in it.

    `secret` is removed wherever it stands, in any case. Digits in groups of four or more go too.
    """
    if secret:
        text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: limit * 5])
    line = _SECRETS.sub("***", " ".join(printable.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


class BillingError(Exception):
    """Base of all errors here. `exit_code` is what a command that ends with it returns, `summary` a word or two."""

    exit_code: int = 1
    summary: str = "failed"


class SettingsError(BillingError):
    """A setting is missing or cannot be right; the message says how to mend it. Nothing was sent."""

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
    """An answer that cannot be used: HTML, empty, torn, no proper envelope, or null where data is due."""

    summary = "unusable answer"


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
        return f"{self.resource}: field {self.field} {self.reason}"


class UnforeseenError(BillingError):
    """Reading one resource of one account ended in a way that nobody foresaw. All else is loaded."""

    exit_code = 4


class DatabaseBusyError(BillingError):
    """Another process holds the database's writing lock."""

    exit_code = 5


class DatabaseError(BillingError):
    """The database file is corrupt, foreign or cannot be written."""
