"""torchvision beside a CPU build of torch, in a fresh process each: imports cannot be undone."""

from __future__ import annotations

import subprocess
import sys

import torch

from core.torchvision_fallback import nms

PROGRAM = """
import core.torchvision_fallback
import torch, torchvision
from facenet_pytorch import MTCNN
boxes = torch.tensor([[0, 0, 10, 10.0], [1, 1, 10, 10], [20, 20, 30, 30]])
print(torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.3]), 0.5).tolist())
"""


def test_torchvision_and_mtcnn_import_and_suppress_overlapping_boxes() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[1, 2]"


def test_nms_keeps_the_best_of_each_cluster_best_first() -> None:
    boxes = torch.tensor([[0, 0, 4, 4.0], [0, 0, 4, 3], [9, 9, 12, 12], [0, 0, 4, 4]])
    scores = torch.tensor([0.2, 0.9, 0.5, 0.2])
    assert nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert nms(boxes, scores, 0.99).tolist() == [1, 2, 0]  # the exact twin overlaps wholly
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []
