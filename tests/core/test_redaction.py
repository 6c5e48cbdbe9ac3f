"""A log line holds no secret by its shape, no data of a foreign library, and no words of an exception."""

from __future__ import annotations

import base64
import secrets

import pyotp
import pytest
from itsdangerous import URLSafeSerializer

from core.errors import Conflict
from core.ids import new_id
from core.redaction import LONGEST, MOST_FRAMES, argument, said, traceback_words

TOKEN = URLSafeSerializer(b"k" * 32, salt="delivery-link").dumps([new_id("lnk"), new_id("rnd"), "2026-01-01"])
TOKEN = TOKEN if isinstance(TOKEN, str) else TOKEN.decode()
SESSION = secrets.token_urlsafe(32)
CSRF = secrets.token_urlsafe(24)
KEY = secrets.token_bytes(32)


SECRETS = [
    (f"GET /v/{TOKEN}/video.mp4", TOKEN),
    (f"opened {TOKEN} twice", TOKEN),
    (f"opened {TOKEN} twice", TOKEN.rpartition(".")[2]),
    ("/v/short?x", "short"),
    (f"cookie: greenroom_session={SESSION}; other=1", SESSION),
    (f"headers [(b'cookie', b'a={CSRF}')]", CSRF),
    (f"greenroom_session={SESSION[:10]}", SESSION[:10]),
    ("Authorization: Basic YW5uOnBhc3M=", "YW5uOnBhc3M="),
    ("sent Bearer abc", "abc"),
    ("postgresql+psycopg://greenroom:hunter2@db/greenroom", "hunter2"),
    ("redis://:hunter2@redis/0", "hunter2"),
    ("GET /x?X-Amz-Signature=abc&y=1 failed", "abc"),
    (f"otpauth://totp/Greenroom:ann?secret={pyotp.random_base32()}", "totp"),
    *[(f"the secret {word} was tried", word) for word in [pyotp.random_base32(), SESSION, CSRF]],
    *[
        (f"the key {word} was tried", word)
        for word in [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()]
    ],
    ("-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----", "MIGHAgEA"),
    ("-----BEGIN EC PRIVATE KEY-----\nMIGHAgEA", "MIGHAgEA"),
]


# Named by number: another process that collects these tests has other random secrets.
@pytest.mark.parametrize(("line", "secret"), SECRETS, ids=range(len(SECRETS)))
def test_what_has_the_shape_of_a_secret_is_left_out(line: str, secret: str):
    assert secret in line
    assert secret not in said(line)


def test_a_known_secret_is_left_out_whatever_its_shape():
    assert "plain words" not in said("it is plain words", ("plain words",))


@pytest.mark.parametrize(
    "line",
    [
        "lease lost: rnd_01M8G5C72KX5A1A5BWHAF8RF28 picture",
        "Task 3f2b6c1e-8a4e-4a53-9a55-0d9d1f0c8a11 is unknown",
        "it ends at test_a_function_with_a_rather_long_name_is_still_named",
        "blob 3f2b6c1e8a4e of 12.5 MB, 3/4, 50 %",
    ],
)
def test_ids_codes_and_numbers_stay(line: str):
    assert said(line) == line


def test_a_digest_keeps_its_first_digits():
    assert said(f"blob {KEY.hex()}") == f"blob {KEY.hex()[:12]}…"


def test_a_line_stays_one_line_and_bounded():
    assert said("a\nlevel=critical\r\x00b") == "a level=critical b"
    assert len(said("words of it " * 1000)) == LONGEST


def test_a_foreign_librarys_values_are_left_out_but_its_numbers():
    assert [argument(value, ours=False) for value in ("Asha", b"Asha", ["Asha"], 3, 0.5, None, True)] == [
        "…", "…", "…", 3, 0.5, None, True,
    ]  # fmt: skip
    assert argument("rnd_1", ours=True) == "rnd_1"


def test_an_exception_in_a_message_is_its_code():
    assert argument(Conflict("Asha is away", code="away"), ours=True) == "away"
    assert argument(ValueError("Asha"), ours=True) == "ValueError"


def _raised() -> Exception:
    name = "Asha"  # a local variable
    try:
        try:
            raise KeyError(name)
        except KeyError as error:
            raise Conflict(f"{name} is away", where=name, code="away") from error
    except Conflict as error:
        return error


def test_an_exception_is_its_kind_its_code_and_where_it_was_raised():
    words = traceback_words(_raised())
    assert words.startswith("Conflict (away) at core/test_redaction.py:")
    assert "_raised; because of KeyError at core/test_redaction.py:" in words
    assert "Asha" not in words and "name" not in words


def test_a_deep_or_grouped_exception_stays_bounded():
    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        raise ExceptionGroup("Asha", [ValueError("Asha"), _raised()])

    with pytest.raises(ExceptionGroup) as found:
        deeper(100)
    words = traceback_words(found.value)
    assert words.count("deeper") <= MOST_FRAMES and "[ValueError, Conflict (away)" in words
    assert "Asha" not in words
