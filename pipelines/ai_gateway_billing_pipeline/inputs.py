"""What somebody gives as a path, a token, a number or a word: one reading of each, for options and variables alike.

Every function raises `SettingsError` for what cannot be.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ai_gateway_billing.errors import SettingsError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # as md:…, sqlite:…, https:…; one letter alone is a drive
_TOKEN_FILE = "CLOUDFLARE_API_TOKEN_FILE"  # noqa: S105 - the variable that names one
_TOKEN_BYTES = 65_536
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def problem_of(text: str) -> str:
    """Why no setting can be this text, or nothing."""
    if not text.strip():
        return "is empty"
    if any(ord(letter) < 32 for letter in text):
        return "contains a line end or another control character"
    return "is not UTF-8 text" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""


def file_path(text: str, what: str) -> Path:
    """The one reading of a path that somebody gives: `~` is expanded, what can be no file of this machine is refused.

    `what` is the option or variable, for the message of the `SettingsError`.
    """
    if problem := problem_of(text):
        raise SettingsError(f"{what} {problem}. Name a file.")
    if text == ":memory:":
        raise SettingsError(f"{what} {text} is lost when the command ends. Name a file.")
    if _ADDRESS.match(text):
        raise SettingsError(f"{what} is an address, not a file. Name a file on this machine; see also --destination.")
    try:
        path = Path(text).expanduser()
        is_folder = text.endswith(os.sep) or path.is_dir()
    except RuntimeError:
        raise SettingsError(f"{what} {text}: no such user on this machine. Name a file.") from None
    except OSError as error:
        raise SettingsError(f"{what} {text}: {error.strerror}. Name another file.") from error
    if is_folder:
        raise SettingsError(f"{what} {text} is a folder. Name a file in it.")
    return path


def token_of(environ: Mapping[str, str]) -> str | None:
    """The API token of the environment, or of the file that it names. Raises `SettingsError`."""
    token, named = environ.get("CLOUDFLARE_API_TOKEN"), environ.get(_TOKEN_FILE)
    if not named:
        return token or None
    if token:
        raise SettingsError(f"CLOUDFLARE_API_TOKEN and {_TOKEN_FILE} are both set. Set only one of them.")
    path = file_path(named, _TOKEN_FILE)
    try:
        with path.open("rb") as file:
            content = file.read(_TOKEN_BYTES).decode("utf-8-sig").strip()
    except OSError as error:
        raise SettingsError(f"{_TOKEN_FILE}: {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{_TOKEN_FILE}: {path} is not UTF-8 text. Save only the token in it.") from None
    if not content:
        raise SettingsError(f"{_TOKEN_FILE}: {path} is empty. Save only the token in it.")
    return content


def whole_number(option: int | None, variable: str, default: int, environ: Mapping[str, str] = os.environ) -> int:
    """A number of days or hours. Raises `SettingsError` for what is none."""
    given = environ.get(variable, "").strip()
    if option is not None or not given:
        return default if option is None else option
    if not (given.isascii() and given.isdecimal() and len(given) <= 7):
        raise SettingsError(f"{variable} is {given!r}. Use a whole number.")
    return int(given)


def yes_or_no(variable: str, value: str) -> bool:
    """What a variable says of something that is or is not."""
    word = value.strip().lower()
    if word not in _YES + _NO:
        raise SettingsError(f"{variable} is {value!r}. Use true or false.")
    return word in _YES
