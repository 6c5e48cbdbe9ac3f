"""Trust step 6: the invisible mark goes into the picture, frame by frame, before it is encoded."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from provenance.mark.code import check_id, check_key
from provenance.mark.tile import chip_pixels, draw, tile_chips

Image = npt.NDArray[np.uint8]

# The mark's strength (RMS, grey levels) on a flat surface, and the most that texture adds to it.
FLAT = 0.76
TEXTURE = 1.0
# Texture (mean absolute detail, grey levels) at which half of TEXTURE is added.
HALF_TEXTURE = 6.0
# The face region gets this share of the strength.
FACE_SHARE = 0.7
# Bounds of the frame, px.
MIN_SIDE = 16
MAX_SIDE = 8192
# Fixed point: the pattern has this RMS in 8 bits, the strength this many steps a grey level.
_PATTERN_RMS = 48.0
_STEPS = 32.0


class MarkEmbedder:
    """Puts one id into every frame of a render.

    Args:
        mark_id: 1 to 2**40 - 1.
        width, height: of the frames, px; the pattern scales with the short side.
        key: the secret that places the chips, at least 16 bytes.
        strength: 1.0 is the measured default.

    Calling it returns a new image; the input is not changed. The same image gives the same result at
    any index: the pattern stands still, which costs a codec least and survives skipped frames.
    """

    def __init__(self, mark_id: int, width: int, height: int, key: bytes, *, strength: float = 1.0):
        if not (min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE):
            raise ValueError(f"frames must be {MIN_SIDE} to {MAX_SIDE} px a side, not {width}x{height}")
        self.width, self.height = width, height
        self._strength = strength
        pattern = _whole_frame(draw(tile_chips(check_id(mark_id), check_key(key)), 8), width, height)
        pattern *= _PATTERN_RMS / max(float(np.sqrt(np.mean(pattern**2))), 1e-6)
        self._up = np.clip(np.rint(pattern), 0, 255).astype(np.uint8)
        self._down = np.clip(np.rint(-pattern), 0, 255).astype(np.uint8)

    def __call__(
        self, index: int, image: Image, face: tuple[float, float, float, float] | None = None
    ) -> Image:
        """The marked frame.

        Args:
            index: presented-frame index (unused by this version of the pattern).
            image: (height, width, 3) uint8 BGR.
            face: x0, y0, x1, y1 of the face, px: the mark is gentler there. None: texture alone decides.
        """
        if image.shape != (self.height, self.width, 3) or image.dtype != np.uint8:
            raise ValueError(f"expected a {self.width}x{self.height} BGR uint8 frame, got {image.shape}")
        strength = self._strength_map(image, face)
        scale = 1 / (_PATTERN_RMS * _STEPS)
        up = cv2.multiply(self._up, strength, scale=scale)
        down = cv2.multiply(self._down, strength, scale=scale)
        # The same step on B, G and R changes luma alone: Cb and Cr are differences to luma.
        marked = cv2.add(image, cv2.merge((up, up, up)))
        result: Image = cv2.subtract(marked, cv2.merge((down, down, down)), dst=marked)
        return result

    def _strength_map(self, image: Image, face: tuple[float, float, float, float] | None) -> Image:
        """(height, width) uint8: RMS grey levels times _STEPS."""
        small = (max(self.width // 4, 4), max(self.height // 4, 4))
        grey = cv2.cvtColor(cv2.resize(image, small, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        detail = cv2.absdiff(grey, cv2.blur(grey, (5, 5)))
        texture = cv2.blur(detail.astype(np.float32), (7, 7))
        # A flat patch beside an edge is still flat: take the calmest neighbour, then smooth.
        texture = cv2.blur(cv2.erode(texture, np.ones((5, 5), np.uint8)), (7, 7))
        strength = FLAT + TEXTURE * texture / (texture + HALF_TEXTURE)
        # Steps of a grey level show least in highlights; on a dark, clean backdrop they show as soon as on skin.
        luminance = cv2.blur(grey, (7, 7)).astype(np.float32)
        strength *= 1 + 0.25 * np.clip(luminance - 127, 0, 128) / 128
        if face is not None:
            strength *= _face_share(face, self.width, self.height, small)
        strength = np.clip(strength * (self._strength * _STEPS), 0, 255).astype(np.uint8)
        larger: Image = cv2.resize(strength, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        return larger


def _face_share(
    face: tuple[float, float, float, float], width: int, height: int, small: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """A soft ellipse of FACE_SHARE over the face, 1 elsewhere, at the small size."""
    x0, y0, x1, y1 = (float(v) for v in face)
    xs = (np.arange(small[0], dtype=np.float32) + 0.5) * width / small[0]
    ys = (np.arange(small[1], dtype=np.float32) + 0.5) * height / small[1]
    rx, ry = max((x1 - x0) / 2, 1.0), max((y1 - y0) / 2, 1.0)
    distance = np.hypot((xs[None] - (x0 + x1) / 2) / rx, (ys[:, None] - (y0 + y1) / 2) / ry)
    outside = np.clip((distance - 1.0) / 0.3, 0, 1)
    share: npt.NDArray[np.float32] = (FACE_SHARE + (1 - FACE_SHARE) * outside).astype(np.float32)
    return share


def _whole_frame(tile: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
    """The tile repeated over the frame at the scale of its short side."""
    step = tile.shape[0] / (64 * chip_pixels(width, height))  # tile samples a pixel
    xs = ((np.arange(width) + 0.5) * step - 0.5).astype(np.float32) % tile.shape[1]
    ys = ((np.arange(height) + 0.5) * step - 0.5).astype(np.float32) % tile.shape[0]
    padded = np.pad(tile, ((0, 1), (0, 1)), mode="wrap")
    frame: npt.NDArray[np.float32] = cv2.remap(
        padded, np.tile(xs, (height, 1)), np.repeat(ys[:, None], width, axis=1), cv2.INTER_LINEAR
    )
    return frame
