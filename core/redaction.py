"""What a log line may say: no secret by its shape, no text of a foreign library's data, no words of an exception.

Three rules, none of which has to be thought of by whoever writes a log call:

- an exception is its kind, its code and where it was raised, never its text (a driver's quotes the row that it could
  not write), never a source line, never a local variable;
- a foreign library's message keeps its own words and its numbers: whatever else it fills in is left out;
- whatever has the shape of a secret is left out of every string: a delivery link, a header that carries a right, a
  private key, the password of a URL, a long random word. A SHA-256 digest keeps its first twelve digits.

A name or a text of a person has no shape. Our own calls pass ids and codes; a test plants names and texts and searches.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType

LONGEST = 600  # characters of one value
MOST_FRAMES = 12  # of one exception: the first four and the last eight
MOST_CAUSES = 4

LEFT_OUT = "…"

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL), LEFT_OUT),
    (re.compile(r"(/v/)[^/\s?#'\"{]+"), rf"\1{LEFT_OUT}"),
    # A header to the end of its line: cookies and credentials have many forms.
    (
        re.compile(
            r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)\b(\W{1,6})[^\r\n]*", re.IGNORECASE
        ),
        rf"\1\2{LEFT_OUT}",
    ),
    (re.compile(r"\b(basic|bearer)\s+\S+", re.IGNORECASE), rf"\1 {LEFT_OUT}"),
    (re.compile(r"\b(greenroom_\w+=)[^;\s]+"), rf"\1{LEFT_OUT}"),
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{LEFT_OUT}@"),
    (re.compile(r"(otpauth://)\S+"), rf"\1{LEFT_OUT}"),
    (re.compile(r"\?[^\s'\"]*=[^\s'\"]*"), f"?{LEFT_OUT}"),
    (re.compile(r"\.?[\w-]{16,}\.[\w-]{27}(?![\w-])"), LEFT_OUT),  # a signed token: payload and HMAC-SHA-1
    (re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b"), rf"\1{LEFT_OUT}"),
    (re.compile(r"\b[A-Z2-7]{32,}\b"), LEFT_OUT),  # base32: a one-time code's secret
)
_LONG_WORD = re.compile(r"[\w+=-]{32,}")
_ID = re.compile(r"[a-z]{2,5}_[0-9A-HJKMNP-TV-Z]{26}\Z")  # core.ids
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_PLAIN_WORD = re.compile(r"[a-z_]+\Z")  # a function's name
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def said(text: str, secrets: tuple[str, ...] = ()) -> str:
    """A string as a log line may hold it: one line, bounded, without what has the shape of a secret.

    Args:
        secrets: words that are known to be secret, whatever their shape.
    """
    for secret in secrets:
        text = text.replace(secret, LEFT_OUT)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    text = _LONG_WORD.sub(lambda found: found[0] if _known(found[0]) else LEFT_OUT, text)
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}{LEFT_OUT}"


def _known(word: str) -> bool:
    return any(shape.match(word) for shape in (_ID, _UUID, _PLAIN_WORD))


def argument(value: object, *, ours: bool) -> object:
    """What a message is filled in with. Of a foreign library's values only numbers; an exception is its code."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return code_of(value)
    return value if ours else LEFT_OUT


def code_of(error: BaseException) -> str:
    """The stable code of an error of ours, the class name of any other."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and _PLAIN_WORD.match(code) else type(error).__name__


def traceback_words(error: BaseException) -> str:
    """An exception and its causes, each by kind, code and the places that it came through; the innermost last."""
    parts: list[str] = []
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen and len(parts) < MOST_CAUSES:
        seen.add(id(found))
        parts.append(_one(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "; because of ".join(parts)


def _one(error: BaseException) -> str:
    kind, code = type(error).__name__, code_of(error)
    name = kind if code == kind else f"{kind} ({code})"
    places = _places(error.__traceback__)
    inner = ""
    if isinstance(error, BaseExceptionGroup):
        inner = f" [{', '.join(_one(each) for each in error.exceptions[:3])}]"
    return f"{name}{inner}" + (f" at {' > '.join(places)}" if places else "")


def _places(found: TracebackType | None) -> list[str]:
    places: list[str] = []
    while found is not None:
        code = found.tb_frame.f_code
        path = Path(code.co_filename)
        places.append(f"{path.parent.name}/{path.name}:{found.tb_lineno} {code.co_name}")
        found = found.tb_next
    if len(places) > MOST_FRAMES:
        places = [*places[:4], LEFT_OUT, *places[-8:]]
    return places
