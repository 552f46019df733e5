"""Takes out of a text what opens, pays or names: tokens, cards, links, mail addresses. All other words stay.

What is secret is known by its shape, not by having digits: dates, paths, versions, amounts and account ids are what a
message is about. The patterns are compiled when they are first needed: most commands have nothing to take out.
"""

import re
from itertools import pairwise
from typing import Final

HIDDEN: Final = "***"

_LONG_WORD: Final = r"(?a)(?<![\w-])[\w-]{30,}(?![\w-])"
_KNOWN: Final = (
    r"(?i:\bbearer\s+)\S+"  # a header quoted back at us
    r"|\bcf[a-z]{1,4}_\w{8,}"  # Cloudflare's tokens and keys since 2026
    r"|\bv1\.0-[\w-]{16,}"  # its keys for origin certificates
    r"|\b[0-9a-f]{37}\b"  # its global API keys
    r"|\b(?:sk|rk|pk)_(?:live|test)_\w+|\bwhsec_\w+|\b\w+_secret_\w+"  # Stripe's
    r"|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # signed web tokens
)
_TOP_LEVEL: Final = "com|net|org|io|dev|app|co|ai|me|link|info|biz|us|uk|eu|de|fr|jp|cn|example|test|invalid"
_ADDRESS: Final = (
    r"(?i)[a-z][a-z0-9+.-]*://\S+"  # links
    r"|\bwww\.\S+"
    rf"|(?<![\w./\\-])(?:[\w-]+\.)+(?:{_TOP_LEVEL})(?::\d+)?/\S*"  # links without a scheme
    r"|\S*%(?:2f|3a|40)\S*"  # either, URL-encoded
    r"|[^\s:@]+:[^\s@]+@\S+"  # user and password
    r"|[\w.+%-]+@(?:[\w-]+\.)+[a-z]{2,}"  # mail addresses
)
_GAP: Final = r"[ ._/-]?"
_CARD: Final = (
    r"(?<!\d)(?<!\d[.,])(?:"
    rf"\d{{13,19}}|\d{{4}}(?:{_GAP}\d{{4}}){{2}}{_GAP}\d{{1,4}}(?:{_GAP}\d{{1,3}})?|\d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}}"
    r")(?!\d)"
)
_BRAND: Final = r"[456]\d{15}|3[47]\d{13}"  # a card even when mistyped
_TIME: Final = r"1\d{12}|(?:19|20)\d\d[01]\d[0-3]\d{7}|1\d{18}|1\d{15}"  # Unix time; 20261126103000
_LAST_DIGITS: Final = (
    r"(?i)(\blast[\s_-]?(?:4|four)(?:\s+digits)?|\bend(?:ing|s)(?:\s+(?:in|with))?|\bcard(?:\s+(?:number|no\.?|#))?"
    r"|\bvisa|\bmastercard|\bamex|\bamerican express|\bdiscover|\bdiners|\bjcb|\bunionpay|\bmaestro"
    r"|\*{2,}|x{3,}|[•·●]+|…|\.{3})"
    r"(\W{0,5}(?:(?:is|was|card|ending|in)\s+)*)\d{4}(?![\d-])"
    r"|(\blast )()\d{4}(?=\W*$|[).,;:])"
    r"|(\bcv[cv]2?)(\W{0,3})\d{3,4}\b"
)


def redact(text: str, *, secret: str = "", limit: int = 200) -> str:
    """Make text from outside fit for a message: one printable line, shortened, nothing sensitive in it.

    `secret` is taken out wherever it stands, in any case.
    """
    if secret:
        text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
    text = beginning(text, limit * 20)
    printable = text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
    line = without_tokens(" ".join(printable.split()))
    line = re.sub(_ADDRESS, HIDDEN, line)
    line = re.sub(_CARD, _without_card, line)
    line = re.sub(_LAST_DIGITS, _without_last_digits, line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def first_line(error: BaseException, *, secret: str = "") -> str:
    """The first line of what an error says, made fit in the same way: the rest of a database's is a stack or a hint."""
    return redact(str(error).strip().partition("\n")[0], secret=secret)


def beginning(text: str, length: int) -> str:
    """The beginning of a longer text; its last word goes, because half a secret has no shape."""
    return text if len(text) <= length else text[:length].rpartition(" ")[0]


def without_secret(body: bytes, secret: str) -> bytes:
    """An answer without the very token that asked for it, which no answer has a reason to say.

    What is shorter than any token (16 bytes) stays: it may stand in other words.
    """
    if len(secret) < 16:
        return body
    for form in {secret.encode(), secret.replace("/", "\\/").encode()}:
        body = body.replace(form, HIDDEN.encode())
    return body


def without_tokens(text: str) -> str:
    """The same text without what looks like a token of Cloudflare, or of others whose tokens have a known form."""
    return re.sub(_LONG_WORD, _without_token, re.sub(_KNOWN, HIDDEN, text))


def _without_token(match: re.Match[str]) -> str:
    return HIDDEN if _is_random(match[0]) else match[0]


def _is_random(word: str) -> bool:
    """Cloudflare's tokens are 40 random letters, digits, `-` and `_`; others are longer or shorter.

    In a word that somebody made up, digits stand together and capitals begin words.
    """
    kinds = ["d" if letter.isdigit() else "u" if letter.isupper() else "l" for letter in word if letter.isalnum()]
    if len(word) == 40:
        return set(kinds) == {"d", "u", "l"}
    steps = list(pairwise(kinds))
    into_digits = sum("d" in step and step != ("d", "d") for step in steps)
    return into_digits >= 3 and into_digits + steps.count(("l", "u")) >= 8 and "u" in kinds


def _without_card(match: re.Match[str]) -> str:
    digits = "".join(letter for letter in match[0] if letter.isdigit())
    is_time = match[0] == digits and re.fullmatch(_TIME, digits)
    is_card = 13 <= len(digits) <= 19 and (_luhn(digits) or re.fullmatch(_BRAND, digits))
    return HIDDEN if is_card and not is_time else match[0]


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit that card numbers have."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _without_last_digits(match: re.Match[str]) -> str:
    word, between = next((match[n], match[n + 1]) for n in (1, 3, 5) if match[n])
    return f"{word}{between}{HIDDEN}"
