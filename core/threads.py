"""How many threads a process's libraries start: set in the environment, before numpy or torch is loaded.

Every package of ours imports ``core`` first, and ``core`` calls :func:`limit_threads`: so whatever starts a process
(command line, worker, web, relay, a confined child, a benchmark, a training script, a test) cannot forget it.

One thread each for BLAS, OpenMP and MKL, and so for numpy, scipy, scikit-learn and torch. Our matrices are small, and
threads that wait for each other in a spin take the cores away from the encoder. Measured on two cores:

- the picture stage, 6.4 s of video: 1,081,509 to 1,222,725 involuntary context switches and 7.0 to 8.9 s with two BLAS
  threads, 1,406 to 1,648 and 5.2 to 5.4 s with one; two such processes at once: 15 to 29 s, and 11 s;
- eleven looks of the face finder: .67 to .99 s of CPU with two torch threads, .44 to .66 s with one;
- 27 s of voice embedded: .16 to 2.7 s with two, .27 to .28 s with one.

``GREENROOM_THREADS`` is for what scales: x264 and the decoder, the speech recogniser, OpenVINO (each is told so where
it is made), and OpenCV, whose pool sleeps while it waits: the picture stage takes 5.2 to 5.8 s with two, 5.5 to 6.6 s
with one. More cores are put to use by more workers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_THREADS = 2
"""``GREENROOM_THREADS`` where it is not set; the settings take it from here."""


def limit_threads() -> None:
    """Set the libraries' own variables. One that is set already stays as it is: somebody meant it."""
    allowed = os.environ.get("GREENROOM_THREADS", "")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    torch = os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", torch)  # torch obeys the smaller of the two
    # A value that is no number is the settings' to refuse.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", allowed if allowed.isdecimal() else str(DEFAULT_THREADS))


@contextmanager
def torch_undisturbed() -> Iterator[None]:
    """Torch has as many threads after the block as before: ctranslate2 sets the OpenMP count that they share."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)
