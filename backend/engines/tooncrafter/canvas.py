"""Any canvas in the model's one frame size: letter-boxed, never cropped, and scaled back without rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

#: What a pixel of the result may be made of: the pixels around the nearest one.
_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Letterbox:
    """Where the canvas lies in the model's frame; all numbers in pixels.

    canvas_width, canvas_height: of the artist's picture. frame_width, frame_height: of the model's. left, top,
    width, height: the box inside the frame that shows the whole canvas, centred, its aspect kept to within a pixel.
    """

    canvas_width: int
    canvas_height: int
    frame_width: int
    frame_height: int
    left: int
    top: int
    width: int
    height: int

    def to_frame(self, picture: Pixels) -> Pixels:
        """(canvas height, canvas width[, channels]) -> (frame height, frame width[, channels]).

        What the box leaves free continues its outermost pixels: a bar of another colour would be a thing to the
        model, which it might move.
        """
        box = _resize(picture, self.width, self.height)
        right = self.frame_width - self.left - self.width
        bottom = self.frame_height - self.top - self.height
        return cast(
            Pixels, cv2.copyMakeBorder(box, self.top, bottom, self.left, right, borderType=cv2.BORDER_REPLICATE)
        )

    def box_of(self, frame: Pixels) -> Pixels:
        """(frame height, frame width[, …]) -> (height, width[, …]): what shows the canvas."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]

    def to_canvas(self, box: Pixels) -> Pixels:
        """(height, width[, channels]) -> (canvas height, canvas width[, channels]).

        Colours come premultiplied by alpha, so that rims keep their colour.
        """
        return _resize(box, self.canvas_width, self.canvas_height)


def letterbox(canvas_width: int, canvas_height: int, frame_width: int, frame_height: int) -> Letterbox:
    """Return the largest box of the canvas's aspect that the frame holds."""
    scale = min(frame_width / canvas_width, frame_height / canvas_height)
    width = min(frame_width, max(1, round(canvas_width * scale)))
    height = min(frame_height, max(1, round(canvas_height * scale)))
    return Letterbox(
        canvas_width,
        canvas_height,
        frame_width,
        frame_height,
        left=(frame_width - width) // 2,
        top=(frame_height - height) // 2,
        width=width,
        height=height,
    )


def _resize(picture: Pixels, width: int, height: int) -> Pixels:
    """Shrink by averaging areas; grow with Lanczos' filter, kept within the pixels around so that no ring shows."""
    if picture.shape[:2] == (height, width):
        return picture.copy()
    if width <= picture.shape[1] and height <= picture.shape[0]:
        return cast(Pixels, cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
    grown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LANCZOS4)
    lowest = cv2.resize(cv2.erode(picture, _AROUND), (width, height), interpolation=cv2.INTER_NEAREST)
    highest = cv2.resize(cv2.dilate(picture, _AROUND), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.clip(grown, lowest, highest)
