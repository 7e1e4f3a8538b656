"""Renders a film clip at the sizes of a camera's streams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hw_mocks import decoding
from hw_mocks.progress import Progress

if TYPE_CHECKING:
    import av
    import av.filter


class FootageError(ValueError):
    """Error raised when a clip cannot be read, or a folder holds no prepared footage."""


class _StreamWriter:
    """Scales every picture of a clip to one stream and appends it to the stream's file."""

    def __init__(self, video: av.VideoStream, size: tuple[int, int], file: BinaryIO) -> None:
        import av.filter

        width, height = size
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=video),
            graph.add(
                "scale", f"{width}:{height}:force_original_aspect_ratio=increase:flags=bicubic"
            ),
            graph.add("crop", f"{width}:{height}"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ).configure()
        self._graph = graph
        self._file = file

    def write(self, frame: av.VideoFrame) -> None:
        self._graph.vpush(frame)
        self._file.write(self._graph.vpull().to_ndarray(format="yuv420p").tobytes())


def render(clip: Path, files: Mapping[Path, tuple[int, int]], max_frames: int) -> int:
    """Write the first `max_frames` pictures of `clip` into each of the files, as tightly packed
    I420 of its size in pixels (width, height, both even); returns how many pictures each has.
    Progress is shown on stderr. Raises FootageError if the clip cannot be read, OSError if a file
    cannot be written."""
    import av

    try:
        with contextlib.ExitStack() as stack:
            container = stack.enter_context(av.open(str(clip)))
            if not container.streams.video:
                raise FootageError(f"{clip}: holds no pictures")
            video = container.streams.video[0]
            video.thread_type = "AUTO"
            writers = [
                _StreamWriter(video, size, stack.enter_context(path.open("wb")))
                for path, size in files.items()
            ]
            found = decoding.frames(clip, container, video)
            return _render_frames(found, writers, files.values(), clip, max_frames)
    except av.FFmpegError as error:
        raise FootageError(f"{clip}: cannot be read as film ({error.strerror})") from error


def _render_frames(
    frames: Iterator[Any],
    writers: list[_StreamWriter],
    sizes: Iterable[tuple[int, int]],
    clip: Path,
    max_frames: int,
) -> int:
    words = " and ".join(f"{w}x{h}" for w, h in sizes)
    progress = Progress(f"footage: {clip.name} to {words}", max_frames, "pictures")
    done = 0
    for frame in frames:
        for writer in writers:
            writer.write(frame)
        done += 1
        progress.step(done)
        if done == max_frames:
            break
    if done == 0:
        raise FootageError(f"{clip}: holds no pictures")
    progress.finish(done)
    return done
