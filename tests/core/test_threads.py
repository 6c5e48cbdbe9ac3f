"""The limits on threads hold in every kind of process, whatever it imports first."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.threads import limit_threads
from greenroom.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]

OURS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "GREENROOM_THREADS",
)

# What each kind of process imports: its own module, behind the library that starts it where one does.
KINDS = {
    "command line": "import greenroom.cli",
    "worker": "import celery.__main__, celery.bin.celery, greenroom.worker",
    "relay": "import greenroom.relay",
    "web": "import uvicorn, review_ui.app",
    "web's child": "import review_ui.child",
    "decoding child": "import core.media.child",
    "verifier's reader child": "import provenance.reader_child",
    "benchmark": "import benchmarks.harness",
    "benchmark of pictures": "import benchmarks.watermark_attacks",
    "training": "import detect.training.sync",
    "presenter": "import generate.presenter.build",
    "test": "import pytest, tests.conftest",
}

PROBE = """
import json
import numpy, torch, cv2, sklearn.ensemble, scipy.linalg
from threadpoolctl import threadpool_info
pools = {}
for pool in threadpool_info():
    pools.setdefault(pool["user_api"], []).append(pool["num_threads"])
print(json.dumps({**pools, "torch": torch.get_num_threads(), "opencv": cv2.getNumThreads()}))
"""


def counts(imports: str, **environment: str) -> dict[str, object]:
    """The threads of each library in a fresh process that began with ``imports``."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    ran = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{PROBE}"],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(ran.stdout))


# A module is in sys.modules from the moment that its import begins, so their order is the order of imports.
ORDER = """
import json, os, sys
loaded = list(sys.modules)
print(json.dumps([loaded[: loaded.index("core.threads")], {name: os.environ.get(name) for name in sys.argv[1:]}]))
"""
NUMERIC = {"numpy", "torch", "cv2", "sklearn", "scipy", "mediapipe", "onnxruntime", "openvino"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_limits_are_there_before_any_numeric_library_is(kind: str) -> None:
    """Each of them reads the environment once, when it is loaded."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    ran = subprocess.run(
        [sys.executable, "-c", f"{KINDS[kind]}\n{ORDER}", *OURS],
        cwd=ROOT, env=clean | {"GREENROOM_THREADS": "3"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, environment = json.loads(ran.stdout)
    assert NUMERIC & set(before) == set()
    assert environment == {
        **dict.fromkeys(OURS[:3], "1"),
        "OPENCV_FOR_THREADS_NUM": "3",
        "GREENROOM_THREADS": "3",
    }


def test_numeric_libraries_have_one_thread_and_opencv_the_setting() -> None:
    found = counts(KINDS["worker"], GREENROOM_THREADS="3")
    assert found["torch"] == 1
    assert set(found["blas"]) == {1} and set(found["openmp"]) == {1}
    assert found["opencv"] == 3


@pytest.mark.parametrize(
    "package",
    # Of the others, `examples` and `supply` load no numeric library.
    sorted({path.parent.name for path in ROOT.glob("*/__init__.py")} - {"examples", "supply"}),
)
def test_every_package_limits_threads_when_it_is_imported(package: str) -> None:
    program = (
        f"import {package}, os, sys; assert 'numpy' not in sys.modules; print(os.environ['OMP_NUM_THREADS'])"
    )
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "1"


def test_every_process_that_the_supervisor_starts_is_of_a_tested_kind() -> None:
    for arguments in Supervisor().commands().values():
        modules = [word.split(":")[0] for word in arguments if re.match(r"(greenroom|review_ui)\.", word)]
        assert modules and all(module in " ".join(KINDS.values()) for module in modules)


def test_what_somebody_set_stays() -> None:
    found = counts("import greenroom.cli", OMP_NUM_THREADS="2", OPENCV_FOR_THREADS_NUM="1")
    assert found["torch"] == 2 and set(found["openmp"]) == {2} and found["opencv"] == 1
    assert set(found["blas"]) == {1}


def test_this_process_is_limited_too() -> None:
    import torch
    from threadpoolctl import threadpool_info

    if any(os.environ[name] != "1" for name in OURS[:3]):
        pytest.skip("the environment of this run asks for other numbers")
    assert torch.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


def test_the_speech_recogniser_leaves_torch_its_threads() -> None:
    found = counts("import greenroom.cli, torch\nfrom core.perception.speech import _whisper\n_whisper()")
    assert found["torch"] == 1


def test_a_setting_that_is_no_number_is_left_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_THREADS", "many")
    monkeypatch.delenv("OPENCV_FOR_THREADS_NUM", raising=False)
    limit_threads()
    assert os.environ["OPENCV_FOR_THREADS_NUM"] == "2"


def test_no_other_place_sets_threads() -> None:
    setters = re.compile(r"set_num_(interop_)?threads\(|setNumThreads\(|environ.*(OMP|BLAS|MKL)_NUM_THREADS")
    found = [
        str(path.relative_to(ROOT))
        for folder in sorted({path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests"})
        for path in folder.rglob("*.py")
        if setters.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["core/threads.py"]
