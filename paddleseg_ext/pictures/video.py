"""Read and write videos, frame by frame."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Union

import cv2
import numpy as np

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
# PAL's, for a file that does not say.
_FRAMES_PER_SECOND = 25.0
# Some containers know only a duration, and the count that follows from it may be one frame too large.
_SPARE_FRAMES = 1


class Video:
    """A video file.

    Args:
        path: The file.

    Attributes:
        path: The file.
        frame_count: The number of frames, as the file says; -1 if it does not say.
        frames_per_second: The rate that the file states; 25 if it states none.
        frames_read: The number of frames that ``frames`` has given so far.

    Raises:
        UserError: The file is missing, or OpenCV cannot read it.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"--image_path: {path} does not exist; give an image, a folder, a list file or a video.")
        capture = cv2.VideoCapture(str(path))
        readable, _ = capture.read() if capture.isOpened() else (False, None)
        if not readable:
            raise UserError(
                f"{path} cannot be read as a video: it is damaged, or OpenCV does not know its format; convert it to "
                "MPEG-4, or replace it if it is damaged."
            )
        self.frame_count = max(-1, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.frames_per_second = capture.get(cv2.CAP_PROP_FPS) or _FRAMES_PER_SECOND
        self.frames_read = 0
        capture.release()

    def frames(self) -> Iterator[np.ndarray]:
        """Yield every frame, uint8 (H, W, 3), blue green red. Call ``require_whole`` after the last one."""
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
        """Raise ``UserError`` if fewer frames were read than the file says it has."""
        if self.frames_read + _SPARE_FRAMES < self.frame_count:
            raise UserError(
                f"{self.path} ends after frame {self.frames_read} of {self.frame_count}; it is damaged. Copy "
                "it again, or cut it off there. The label images of the frames so far are kept; no video is written."
            )


@contextlib.contextmanager
def write_video(path: Union[str, Path], frames_per_second: float) -> Iterator[Callable[[np.ndarray], None]]:
    """Yield a function that adds a frame to a video. The video is written whole or not at all.

    Args:
        path: A ``.mp4`` file; it will be MPEG-4.
        frames_per_second: The rate of the video.

    Yields:
        A function of a frame, uint8 (H, W, 3), blue green red.

    Raises:
        ValueError: A frame does not have the size of the first one. OpenCV would silently leave it out.
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
