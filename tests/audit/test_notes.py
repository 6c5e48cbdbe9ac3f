"""Signed notes and checkpoints, against a note that another implementation signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.notes import Checkpoint, NoteError, Verifier, open_note, parse_checkpoint, parse_vkey, sign_note

# The example of Go's golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def test_a_note_of_another_implementation_opens() -> None:
    verifier = parse_vkey(GO_VKEY)
    assert verifier.vkey == GO_VKEY
    assert open_note(GO_NOTE, [verifier]).startswith("If you think")


def test_a_changed_note_does_not_open() -> None:
    with pytest.raises(NoteError, match="signature is wrong"):
        open_note(GO_NOTE.replace("answer", "cause"), [parse_vkey(GO_VKEY)])


def test_signatures_of_unknown_keys_are_ignored_and_one_known_is_needed(key: Ed25519PrivateKey) -> None:
    other = Ed25519PrivateKey.generate()
    note = sign_note("text\n", "example/log", key)
    with_other = note + sign_note("text\n", "example/witness", other).split("\n\n")[1]
    assert open_note(with_other, [Verifier("example/log", key.public_key())]) == "text\n"
    with pytest.raises(NoteError, match="no known key"):
        open_note(note, [Verifier("example/log", other.public_key())])


@pytest.mark.parametrize(
    "note", ["", "text\n", "text\n\n", "text\n\n- a b\n", "text\n\n— a !!\n", "a\x01\n\n— a AAAAAAAA\n"]
)
def test_what_is_no_note_is_refused(note: str, key: Ed25519PrivateKey) -> None:
    with pytest.raises(NoteError):
        open_note(note, [Verifier("a", key.public_key())])


@pytest.mark.parametrize("name", ["", "a b", "a+b"])
def test_a_bad_key_name_is_not_signed(name: str, key: Ed25519PrivateKey) -> None:
    with pytest.raises(ValueError, match="key name"):
        sign_note("text\n", name, key)


def test_a_checkpoint_survives_its_text() -> None:
    checkpoint = Checkpoint("example/log", 42, bytes(range(32)))
    assert checkpoint.text().split("\n")[:2] == ["example/log", "42"]
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text", ["", "log\n", "log\n-1\nAAAA\n", "log\n01\n" + "A" * 43 + "=\n", "log\n1\nAAAA\n"]
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_a_vkey_whose_hash_is_wrong_is_refused() -> None:
    with pytest.raises(NoteError):
        parse_vkey(GO_VKEY.replace("c74f20a3", "c74f20a4"))
