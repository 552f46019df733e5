"""One change of an account from question to answer: shows it, has it confirmed, sends it once, tells what came of it.

What is shown and asked goes to standard error; standard output holds the result, or the request of a dry run.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import (
    AuthenticationError,
    BillingPermissionError,
    NotFoundError,
    OutcomeUnknownError,
    SettingsError,
)
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.operations.sending import unknown
from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.terminal import exits, values

from . import dollars
from .state import State

T = TypeVar("T")
Lines = Sequence[tuple[str, str]]

_NO_CREDENTIALS = (
    'No API token. Changing an account needs a token with the permission "AI Gateway Write". Create one for this '
    "purpose only, and set CLOUDFLARE_API_TOKEN to it for this one command."
)
_UNATTENDED = "Nothing was sent. Without a terminal, or with --yes, give both: --yes --account ID."


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that all commands on an account share."""

    account: str | None
    base_url: str | None
    is_dry: bool
    as_json: bool
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One account, and the two ways to it: `client` reads, `sender` sends operations."""

    asked: Asked
    account_id: str
    name: str
    client: Client
    sender: Sender

    @property
    def state(self) -> State:
        """How the account is now."""
        return State(self.client, self.account_id, datetime.now(UTC))

    def ask(self, operation: Operation[T], words: Callable[[T], Lines]) -> None:
        """Send a question and print its answer."""
        if self.asked.is_dry:
            self._tell_request(operation)
            return
        answer = self.sender.send(operation)
        self.tell(_as_json(answer), words(answer))

    def change(
        self, operation: Operation[T], *, state: Lines, will: str, again: int | None, done: Callable[[T], Lines]
    ) -> None:
        """Show the account and what will change, have it confirmed, send it once, and print what came of it.

        `again`: the cents that a person has to type once more; None where the word `delete` has to be typed.
        """
        _say([("Account", f"{self.name} ({self.account_id})"), *state, ("Will", will)])
        if self.asked.is_dry:
            self._tell_request(operation)
            return
        if not self.asked.is_confirmed:
            _confirm(again)
        try:
            answer = self.sender.send(operation)
        except KeyboardInterrupt:
            raise unknown(operation, "interrupted") from None
        self.tell(_as_json(answer), done(answer))

    def tell(self, result: Mapping[str, object], words: Lines) -> None:
        """Print a result."""
        if self.asked.as_json:
            values.print_object({"status": "done", "account": self._account(), "result": result})
        else:
            _print(sys.stdout.write, [("Account", f"{self.name} ({self.account_id})"), *words])

    def _tell_request(self, operation: Operation[Any]) -> None:
        shown = self.sender.show(operation)
        if self.asked.as_json:
            values.print_object({"status": "dry_run", "account": self._account(), "request": shown._asdict()})
            return
        sys.stderr.write("Dry run: this is what would be sent.\n")
        head = [f"{shown.method} {shown.url}", *(f"{name}: {text}" for name, text in shown.headers.items())]
        sys.stdout.write("\n".join([*head, "", shown.body]).rstrip("\n") + "\n")

    def _account(self) -> dict[str, str]:
        return {"id": self.account_id, "name": self.name}


@contextmanager
def opened(asked: Asked, *, changes: bool = False) -> Iterator[Session]:
    """The session of the one account that was asked for. With `--json` a failure is an object, too.

    Raises `SettingsError` before anything is sent when it `changes` and nobody is there to confirm.
    """
    try:
        if changes and not asked.is_dry:
            _require_consent(asked)
        yield from _opened(asked)
    except Exception as error:
        if asked.as_json:
            status = "unknown" if isinstance(error, OutcomeUnknownError) else "failed"
            values.print_object({"status": status, "error": str(exits.as_billing_error(error))})
        raise


def _opened(asked: Asked) -> Iterator[Session]:
    resolved = settings.resolve(account=[asked.account] if asked.account else None, base_url=asked.base_url)
    if not resolved.api_token:
        raise SettingsError(_NO_CREDENTIALS)
    if asked.account and not accounts.named([asked.account]):
        raise SettingsError("--account all: this command works on one account. Name it.")
    with (
        settings.client_for(resolved) as client,
        Sender(resolved.token(), base_url=resolved.base_url) as sender,
    ):
        ids = accounts.choose(resolved.accounts, client)
        if len(ids) != 1:
            raise SettingsError(f"{len(ids)} accounts are selected. Name one with --account ID.")
        yield Session(asked, ids[0], _name(client, ids[0]), client, sender)


def _name(client: Client, account_id: str) -> str:
    """Listing accounts needs no billing permission, and a token may lack what listing needs."""
    try:
        names = {account["id"]: account["name"] for account in client.accounts()}
    except (AuthenticationError, BillingPermissionError, NotFoundError) as error:
        return f"name unknown: HTTP {error.status}"
    return str(names.get(account_id) or "name unknown")


def _require_consent(asked: Asked) -> None:
    """Somebody at a terminal, or both options: one alone may be left over in a script or a shell's history."""
    is_attended = sys.stdin is not None and sys.stdin.isatty()
    if (asked.is_confirmed and not asked.account) or not (asked.is_confirmed or is_attended):
        raise SettingsError(_UNATTENDED)


def _confirm(cents: int | None) -> None:
    what = "`delete`" if cents is None else "the amount in dollars again"
    sys.stderr.write(f"Type {what} to send it: ")
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    is_same = typed == "delete" if cents is None else dollars.cents("The amount typed", typed) == cents
    if not is_same:
        raise SettingsError("The input does not match. Nothing was sent.")


def _as_json(answer: object) -> dict[str, object]:
    """The fields of an answer, secrets left out."""
    if not is_dataclass(answer):
        return {}
    return {each.name: getattr(answer, each.name) for each in fields(answer) if each.repr}


def _say(lines: Lines) -> None:
    _print(sys.stderr.write, lines)


def _print(write: Callable[[str], object], lines: Lines) -> None:
    width = max(len(label) for label, _ in lines) + 2
    for label, words in lines:
        write(f"{label:<{width}}{' '.join(values.text(words).split())}\n")  # a name is no second line
