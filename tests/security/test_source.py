"""What the code never does, read from its syntax tree: unpickle, evaluate, start a shell, fetch what others name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).resolve().parents[2]

NEVER_IMPORTED = {
    "pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "cloudpickle", "jsonpickle", "xmlrpc",
    "telnetlib", "ftplib", "pty",
    "xml", "lxml", "requests", "urllib3", "aiohttp",
}  # fmt: skip

NEVER_CALLED = {
    "eval", "exec", "os.system", "os.popen", "tempfile.mktemp", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
    "yaml.unsafe_load_all", "pickle.load", "pickle.loads", "torch.jit.load", "random.choice", "random.random",
    "hashlib.md5",
    "hashlib.sha1", "asyncio.create_subprocess_shell", "subprocess.getoutput", "subprocess.getstatusoutput",
    "zipfile.ZipFile.extractall",
    "shutil.unpack_archive", "numpy.loadtxt",
}  # fmt: skip

# Where this program opens a connection, and what says where to: the settings, or the code itself.
CONNECTS = {
    "core/addresses.py": "nowhere: it reads the operator's settings of the database, broker and Redis",
    "core/weights.py": "the registry of weights, a file of this tree; what comes is held against its digest",
    "provenance/timestamp.py": "nowhere: the development authority listens on loopback",
    "provenance/stamping.py": "GREENROOM_TIMESTAMP_URL",
    "provenance/signing.py": "a pair of sockets with the child that builds a credential, which has no address",
    "core/remote_signer.py": "the settings of keys: https, or this machine",
    "core/outward.py": "a brand's webhooks: public addresses alone, checked and pinned (tests/core/test_outward.py)",
    "core/media/nurseries.py": "a pair of sockets with a nursery, which has no address",
    "core/media/nursery.py": "its end of that pair",
    "greenroom/commands/health.py": "GREENROOM_WEB_HOST and its port: this machine's own web process",
    "greenroom/web.py": "tries GREENROOM_WEB_HOST and its port, and connects to nothing",
    "greenroom/worker.py": "asks this machine's own name, and connects to nothing",
    "pipeline/leases.py": "asks this machine's own name, and connects to nothing",
    "review_ui/rates.py": "GREENROOM_RATES_URL",
    "review_ui/fetching.py": "the video_url of an account: a name on the public internet, looked at before it is asked",
}
CONNECTING = {
    "socket",
    "httpx",
    "urllib.request",
    "http.client",
    "smtplib",
    "websockets",
    "redis",
    "boto3",
    "ssl",
}

# The one place that hands ready markup to a page.
MARKUP = {"review_ui/rendering.py"}


def modules() -> list[Path]:
    return sorted(
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "training" not in path.parts  # makes weights here, from our own files; no part of a service
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def imported(path: Path) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call under its full name, whatever a module calls it by."""
    found = []
    names: dict[str, str] = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            head, _, rest = ast.unparse(node.func).partition(".")
            found.append((".".join(filter(None, (names.get(head, head), rest))), node))
    return found


def keyword(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == name), None)


def test_nothing_is_unpickled_and_nothing_of_the_kind_is_imported():
    found = [
        f"{place(path, node)} {name}"
        for path in modules()
        for name, node in imported(path)
        if name in NEVER_IMPORTED or name.split(".")[0] in NEVER_IMPORTED
    ]
    assert found == []


def test_nothing_is_evaluated_and_no_shell_is_started():
    found = [
        f"{place(path, call)} {name}"
        for path in modules()
        for name, call in calls(path)
        if name in NEVER_CALLED or keyword(call, "shell") not in (None, "False")
    ]
    assert found == []


def test_programs_are_started_by_a_list_of_words():
    """A string would be cut at its blanks; what a stranger names would become words of its own."""
    starts = (
        "subprocess.run",
        "subprocess.Popen",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.call",
    )
    found = [
        place(path, call)
        for path in modules()
        for name, call in calls(path)
        if name in starts and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
    ]
    assert found == []


def test_what_is_loaded_is_data():
    """numpy without pickles, torch with weights alone, YAML by a safe loader."""
    found = []
    for path in modules():
        for name, call in calls(path):
            bad = (
                (name == "numpy.load" and keyword(call, "allow_pickle") != "False")
                or (name == "torch.load" and keyword(call, "weights_only") != "True")
                or name == "yaml.load"  # core/stated.py has a loader of its own
            )
            found += [f"{place(path, call)} {name}"] if bad else []
    assert found == []
    import yaml

    from core.stated import _PlainLoader

    assert issubclass(_PlainLoader, yaml.SafeLoader)


def test_connections_are_opened_in_these_places_alone():
    """A new one is a decision: where does the address come from? Never from a file or a field; of a
    request only where core/outward.py stands between."""
    found = {
        str(path.relative_to(ROOT))
        for path in modules()
        for name, _ in imported(path)
        if name in CONNECTING
        or name.split(".")[0] in CONNECTING - {"urllib.request", "http.client"}
        or name == "limits.storage"
    }
    assert found == set(CONNECTS)


def test_the_library_of_credentials_is_loaded_in_confined_children_alone():
    """It reads what strangers wrote, in native code: never in a process that holds a key (trust steps 9, 10 and 12)."""
    loading = {
        str(path.relative_to(ROOT))
        for path in modules()
        for name, _ in imported(path)
        if name.split(".")[0] == "c2pa"
    }
    assert loading == {"provenance/reader_child.py", "provenance/signing_child.py"}


def test_ready_markup_is_made_in_one_place():
    found = {
        str(path.relative_to(ROOT))
        for path in modules()
        for name, _ in imported(path)
        if name == "markupsafe.Markup"
    }
    assert found == MARKUP
    templates = list((ROOT / "review_ui" / "templates").glob("*.html"))
    assert len(templates) > 5
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", "") and "autoescape" not in text, template.name


def test_no_statement_of_sql_is_put_together_from_values():
    """Statements are SQLAlchemy's; text of SQL is constant, or holds what the code itself chose."""
    found = []
    for path in modules():
        if "migrations" in path.parts:
            continue
        for name, call in calls(path):
            last = name.rpartition(".")[2]
            if last in ("execute", "exec_driver_sql", "text", "scalar", "scalars") and call.args:
                built = isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
                if built and str(path.relative_to(ROOT)) not in SQL_OF_OUR_OWN:
                    found.append(f"{place(path, call)} {ast.unparse(call)[:80]}")
    assert found == []


SQL_OF_OUR_OWN = {
    "core/database.py": "the name of a function of PostgreSQL, one of two",
    "core/engines.py": "constants of the module",
    "greenroom/backup/load.py": "names of our own tables, triggers and constraints, and a number",
    "greenroom/rights.py": "names of our tables, and of the role in the settings: its owner's own database",
}


def test_a_secret_is_compared_in_constant_time():
    """Where a token or a MAC is compared, it is by compare_digest."""
    secret = ("csrf", "seal", "token_hmac", "password_hash")
    found = []
    for path in modules():
        if not str(path.relative_to(ROOT)).startswith("review_ui/"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                sides = [node.left, *node.comparators]
                names = {side.attr for side in sides if isinstance(side, ast.Attribute)}
                in_sql = any(ast.unparse(side).split(".")[0].endswith("Row") for side in sides)
                if names & set(secret) and not in_sql:
                    found.append(f"{place(path, node)} {ast.unparse(node)}")
    assert [each for each in found if "password_hash" not in each] == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "import joblib as j"],
)
def test_the_reading_of_imports_sees_them(code: str, tmp_path: Path):
    path = tmp_path / "x.py"
    path.write_text(code)
    assert any(name.split(".")[0] in NEVER_IMPORTED for name, _ in imported(path))
