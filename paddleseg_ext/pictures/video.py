"""Videos, frame by frame."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Union

import cv2
import numpy as np

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
# Where a file does not say: PAL's.
_FRAMES_PER_SECOND = 25.0
# Containers that know a duration only, round it to one frame more.
_SPARE_FRAMES = 1


class Video:
    """A video file.

    Args:
        path: The file.

    Attributes:
        path: The file.
        frame_count: How many frames it says it has; -1 where it does not say.
        frames_per_second: As the file says, or 25.
        frames_read: How many were read so far.

    Raises:
        UserError: It is missing, or OpenCV cannot read it.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"--image_path: {path} does not exist; give an image, a folder, a list file or a video.")
        capture = cv2.VideoCapture(str(path))
        readable, _ = capture.read() if capture.isOpened() else (False, None)
        if not readable:
            raise UserError(f"{path} cannot be read as a video; it may be damaged or of a format OpenCV does not know.")
        self.frame_count = max(-1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.frames_per_second = capture.get(cv2.CAP_PROP_FPS) or _FRAMES_PER_SECOND
        self.frames_read = 0
        capture.release()

    def frames(self) -> Iterator[np.ndarray]:
        """Every frame, uint8 (H, W, 3), blue green red; call ``require_whole`` after the last."""
        capture = cv2.VideoCapture(str(self.path))
        self.frames_read = 0
        try:
            while True:
                there, frame = capture.read()
                if not there:
                    return
                self.frames_read += 1
                yield frame
        finally:
            capture.release()

    def require_whole(self) -> None:
        """Raise ``UserError`` if the frames came to an end before the last."""
        if self.frames_read + _SPARE_FRAMES < self.frame_count:
            raise UserError(
                f"{self.path} ends after frame {self.frames_read} of {self.frame_count}; it is damaged, so copy it "
                "again or cut it off there. The label images of the frames so far are kept, the video is not written."
            )


@contextlib.contextmanager
def write_video(path: Union[str, Path], frames_per_second: float) -> Iterator[Callable[[np.ndarray], None]]:
    """Yield a function that adds a frame, uint8 (H, W, 3), to a video (MPEG-4 in .mp4), whole or not at all.

    Raises:
        ValueError: A frame has another size than the first; OpenCV would leave it out without a word.
        UserError: OpenCV cannot write this kind of video.
    """
    with write_whole(path) as temporary:
        writer = shape = None

        def add(frame: np.ndarray) -> None:
            nonlocal writer, shape
            if writer is None:
                shape = frame.shape
                code = cv2.VideoWriter_fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(temporary), code, frames_per_second, frame.shape[1::-1])
                if not writer.isOpened():
                    raise UserError(f"{path}: the installed OpenCV cannot write videos; install opencv-python.")
            if frame.shape != shape:
                raise ValueError(f"a frame of {frame.shape} in a video of {shape}")
            writer.write(frame)

        try:
            yield add
        finally:
            if writer is not None:
                writer.release()
