"""The script that checks a proof offline: one file, run in a process that sees nothing of this repository."""

from __future__ import annotations

import ast
import base64
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.ledger import merkle, prove, sequence_pending
from audit.ledger.tiles import LedgerFiles
from audit.notes import Checkpoint, Verifier, sign_note
from core.database import reading, transaction
from tests.audit.conftest import append_one

SCRIPT = Path(__file__).parents[3] / "review_ui/static/check_proof.py"
ENTRIES = 21


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_proof", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def proofs(home: object) -> list[str]:
    with transaction() as session:
        ids = [append_one(session, number) for number in range(ENTRIES)]
    sequence_pending()
    with reading() as session:
        return [prove(session, each) for each in ids]


def own_key() -> str:
    return LedgerFiles().verifiers()[0].vkey


def run(folder: Path, proof: str | bytes, key: str) -> tuple[int, str]:
    """In an empty folder, isolated from the environment: no module of the house can be imported."""
    (folder / "proof.txt").write_bytes(proof if isinstance(proof, bytes) else proof.encode())
    command = [sys.executable, "-I", str(SCRIPT), "proof.txt", key]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={}, check=False)
    assert "Traceback" not in answer.stderr
    return answer.returncode, answer.stdout + answer.stderr


def other_log(proof: str, *, name: str | None = None, root: bytes | None = None) -> tuple[str, str]:
    """The same entry and path under a checkpoint of somebody else's making, and that one's key."""
    head, _, note = proof.partition("\n\n")
    origin, size, encoded = note.split("\n")[:3]
    key = Ed25519PrivateKey.generate()
    checkpoint = Checkpoint(name or origin, int(size), root or base64.b64decode(encoded))
    signed = sign_note(checkpoint.text(), checkpoint.origin, key)
    return f"{head}\n\n{signed}", Verifier(checkpoint.origin, key.public_key()).vkey


# As whoever is handed a proof runs it


def test_a_genuine_proof_is_proven_and_its_entry_is_printed(proofs: list[str], tmp_path: Path):
    code, said = run(tmp_path, proofs[7], own_key())
    assert (
        code == 0
        and said.startswith(f"PROVEN: this is entry 7 of the {ENTRIES} entries")
        and '"event"' in said
    )
    (tmp_path / "keys.txt").write_text(f"{other_log(proofs[7])[1]}\n{own_key()}\n")
    assert run(tmp_path, proofs[0], "keys.txt")[0] == 0


def test_a_wrong_leaf_is_not_proven(proofs: list[str], tmp_path: Path):
    extra = proofs[7].split("\n")[1]
    entry = base64.b64decode(extra.removeprefix("extra "))
    changed = base64.b64encode(entry.replace(b"rnd_", b"rnd-", 1)).decode()
    code, said = run(tmp_path, proofs[7].replace(extra, f"extra {changed}"), own_key())
    assert (code, "does not lead to the signed root" in said) == (1, True)


def test_a_wrong_root_is_not_proven(proofs: list[str], tmp_path: Path):
    signed, key = other_log(proofs[7], root=b"\1" * 32)
    code, said = run(tmp_path, signed, key)
    assert (code, "does not lead to the signed root" in said) == (1, True)
    root = proofs[7].partition("\n\n")[2].split("\n")[2]
    code, said = run(tmp_path, proofs[7].replace(root, base64.b64encode(b"\1" * 32).decode()), own_key())
    assert (code, "signature is wrong" in said) == (1, True)


def test_a_wrong_key_proves_nothing(proofs: list[str], tmp_path: Path):
    """Somebody who owns no key of the log signs a checkpoint of his own, in the log's name."""
    forged, _ = other_log(proofs[7])
    code, said = run(tmp_path, forged, own_key())
    assert (code, "not signed by this log's key" in said) == (1, True)


def test_another_log_proves_nothing_of_this_one(proofs: list[str], tmp_path: Path):
    elsewhere, key = other_log(proofs[7], name="another.example/log")
    assert run(tmp_path, elsewhere, own_key())[0] == 1
    assert run(tmp_path, elsewhere, key)[0] == 0  # of its own log it proves it
    head, _, note = proofs[7].partition("\n\n")
    renamed = note.replace(note.split("\n")[0], "another.example/log", 1)
    assert run(tmp_path, f"{head}\n\n{renamed}", own_key())[0] == 1


@pytest.mark.parametrize("wrong", ["", "x", "a+b+c", "no-such-file"])
def test_what_is_no_key_is_wrong_use(proofs: list[str], tmp_path: Path, wrong: str):
    assert run(tmp_path, proofs[0], wrong)[0] in (1, 2)


def test_bytes_that_are_no_text_are_wrong_use(home: object, tmp_path: Path):
    assert run(tmp_path, b"\xff\xfe", own_key() if LedgerFiles().verifiers() else "x")[0] in (1, 2)


# The same, many times over, within this process


def refused(script: ModuleType, proof: str) -> bool:
    try:
        script.check(proof, own_key())
    except script.NotProven:
        return True
    return False


def test_every_entry_is_proven_and_no_proof_that_was_cut_short(script: ModuleType, proofs: list[str]):
    for number, proof in enumerate(proofs):
        assert script.check(proof, own_key())[1:3] == (ENTRIES, number)
    for end in range(len(proofs[13])):
        assert refused(script, proofs[13][:end]), end


def test_no_changed_character_is_proven(script: ModuleType, proofs: list[str]):
    """But within the name under the signature, which belongs to another key then: nobody's."""
    proof = proofs[13]
    for place in range(len(proof)):
        changed = proof[:place] + ("A" if proof[place] != "A" else "B") + proof[place + 1 :]
        assert refused(script, changed), (place, proof[place])


def test_the_paths_of_logs_of_every_size_lead_to_their_root(script: ModuleType):
    """Held against our own tree, which the script knows nothing of."""
    for size in range(1, 40):
        leaves = [merkle.leaf_hash(str(number).encode()) for number in range(size)]

        def subtree(level: int, number: int, leaves: list[bytes] = leaves) -> bytes:
            return merkle.complete_root(leaves[number << level : (number + 1) << level])

        root = merkle.root(size, subtree)
        for index in range(size):
            path = merkle.inclusion_proof(index, size, subtree)
            assert script._root(leaves[index], index, size, path) == root
            assert script._root(leaves[index], index + 1, size, path) != root
            if path:
                assert script._root(leaves[index], index, size, path[:-1]) != root
            assert script._root(leaves[index], index, size, [*path, root]) != root


def test_cryptography_is_its_one_dependency():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert named - set(sys.stdlib_module_names) == {"cryptography"}
