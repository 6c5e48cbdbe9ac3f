"""From a decoded picture to what people see: upright, square pixels, BT.709 BGR. Runs in the confined child only."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av.filter
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from core.media.child_media import check_size
from core.media.wire import Refused

BT709, UNSPECIFIED, PQ, HLG, BT2020 = 1, 2, 16, 18, 9
# Primaries of BT.2020 and P3, another red than a screen's, and the matrices, by libav's names (H.273 tables 2 and 4).
PRIMARIES = {9: "bt2020", 11: "smpte431", 12: "smpte432"}
SPACES = {1: "bt709", 4: "fcc", 5: "bt470bg", 7: "smpte240m", 9: "bt2020ncl"}
# H.273 table 4: what libswscale converts. YCgCo, constant luminance, ICtCp and IPT (Dolby Vision) it does not.
MATRICES = {0: 0, 1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
OTHER_MATRICES = (8, 10, 11, 12, 13, 14, 15, 16, 17)
MOST_ASPECT = 4  # a stored pixel that is wider or higher than this is a mistake, or an attack


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the display matrix, each -1, 0 or 1.

    x' = a x + c y, y' = b x + d y (ISO 14496-12 6.2.2). Turns by other angles than quarters count as none.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    values = struct.unpack("<9i", bytes(data)[:36])
    a, b, c, d = (max(-1, min(1, round(values[i] / 65536))) for i in (0, 1, 3, 4))
    return (a, b, c, d) if abs(a) == abs(d) and abs(b) == abs(c) and abs(a) + abs(b) == 1 else (1, 0, 0, 1)


def upright(image: Any, matrix: tuple[int, int, int, int]) -> Any:
    """The picture as it is meant to be seen, contiguous."""
    a, b, c, d = matrix
    if a == 0:
        image = image.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def rotation_of(matrix: tuple[int, int, int, int]) -> int:
    a, b, _c, _d = matrix
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(a, b)]


class Painter:
    """Turns every decoded frame of one track into an image; made from the first frame, which sets the look."""

    def __init__(self, frame: Any, stream: Any, limits: dict[str, Any]) -> None:
        self._stored = (frame.width, frame.height)
        self._matrix = display_matrix(frame)
        self.rotation = rotation_of(self._matrix)
        self.aspect = Fraction(stream.sample_aspect_ratio or 1)
        if not Fraction(1, MOST_ASPECT) <= self.aspect <= MOST_ASPECT:
            raise Refused("aspect", found=float(self.aspect))
        # One side grows, none shrinks (HTML, "dimensions of the video": the ratio increases one dimension).
        width = round(frame.width * max(self.aspect, Fraction(1)))
        height = round(frame.height / min(self.aspect, Fraction(1)))
        check_size(width, height, limits)
        self._target = (width, height)
        self.width, self.height = (width, height) if self._matrix[0] else (height, width)
        self._read_colour(frame)
        self._reformatter = VideoReformatter()
        self._graph: Any = None

    def _read_colour(self, frame: Any) -> None:
        named = int(frame.colorspace)
        self.primaries, self.transfer = int(frame.color_primaries), int(frame.color_trc)
        if named in OTHER_MATRICES:
            raise Refused("colour", found=named)
        self.tagged = named in MATRICES and named != UNSPECIFIED
        hdr = self.transfer in (PQ, HLG)
        guess = BT2020 if hdr or self.primaries == BT2020 else (BT709 if frame.height >= 720 else 5)
        self.matrix = MATRICES.get(named, guess) if self.tagged else guess
        self.full_range = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
        if hdr and self.primaries == UNSPECIFIED:
            self.primaries = BT2020
        self.managed = hdr or self.primaries in PRIMARIES

    def facts(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "rotation": self.rotation,
            "aspect": [self.aspect.numerator, self.aspect.denominator],
            "colour": [self.primaries, self.transfer, self.matrix, self.full_range, self.tagged],
        }

    def paint(self, frame: Any) -> Any:
        """uint8 BGR (height, width, 3). Raises Refused when the stored size changes."""
        if (frame.width, frame.height) != self._stored:
            raise Refused("size_changes")
        bgr = self._managed(frame) if self.managed else self._plain(frame)
        plane = bgr.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        image = rows[: bgr.height, : bgr.width * 3].reshape(bgr.height, bgr.width, 3)
        return upright(image, self._matrix)

    def _plain(self, frame: Any) -> Any:
        return self._reformatter.reformat(
            frame,
            width=self._target[0],
            height=self._target[1],
            format="bgr24",
            src_colorspace=self.matrix or None,
            src_color_range=2 if self.full_range else 1,
            dst_color_range=2,
            interpolation=None if self._target == self._stored else Interpolation.BICUBIC,
            threads=1,
        )

    def _managed(self, frame: Any) -> Any:
        """HDR and wide colour, to BT.709 by libav's colour management."""
        frame.colorspace, frame.color_primaries = self.matrix, self.primaries
        frame.color_trc = self.transfer if self.transfer != UNSPECIFIED else BT709
        frame.color_range = 2 if self.full_range else 1
        frame.pts = None
        try:
            if self._graph is None:
                self._graph = _graph(frame, self._conversion(frame))
            self._graph.push(frame)
            return self._graph.pull()
        except (av.FFmpegError, ValueError) as error:
            raise Refused("hdr") from error

    def _conversion(self, frame: Any) -> list[tuple[str, str]]:
        """Filters. HDR: libswscale's colour management. What a standard screen can show keeps its colour and brightness
        (diffuse white, 203 cd/m2 by ITU-R BT.2408, is white), brighter lights are clipped; its perceptual mapping would
        make room for 10,000 cd/m2 and turn every face grey. Wide colour alone: the matrix of ITU-R BT.2087 in light,
        between its two readings (camera curve, display gamma 2.4)."""
        size = f"w={self._target[0]}:h={self._target[1]}:flags=bicubic"
        if self.transfer in (PQ, HLG) or self.matrix == 0:
            way = "out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709:intent=relative_colorimetric"
            return [("scale", f"{size}:{way}:out_range=pc"), ("format", "bgr24")]
        seen = f"ispace={SPACES[self.matrix]}:iprimaries={PRIMARIES[self.primaries]}:itrc=gamma22"
        asked = f"irange={'pc' if self.full_range else 'tv'}:space=bt709:primaries=bt709:trc=gamma22:range=tv"
        return [
            ("format", "yuv444p10le"),
            ("colorspace", f"{seen}:{asked}:format=yuv444p10"),
            ("scale", f"{size}:out_range=pc"),
            ("format", "bgr24"),
        ]


def _graph(frame: Any, filters: list[tuple[str, str]]) -> Any:
    graph = av.filter.Graph()
    shape = f"width={frame.width}:height={frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
    nodes = [
        graph.add("buffer", f"{shape}:colorspace={int(frame.colorspace)}:range={int(frame.color_range)}")
    ]
    nodes += [graph.add(name, arguments) for name, arguments in filters]
    nodes.append(graph.add("buffersink"))
    for before, after in pairwise(nodes):
        before.link_to(after)
    graph.configure()
    return graph
