"""Small videos: with sound, of any frame times, and their damage."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np


def grey(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A frame of one grey."""
    return np.full((height, width, 3), level, np.uint8)


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[float] | None = None,
    sound: str | None = "aac",
    options: dict[str, str] | None = None,
) -> Path:
    """H.264 frames at ``times`` in seconds (25 a second if None), with a tone where ``sound`` names a codec."""
    import av

    times = [number / 25 for number in range(len(frames))] if times is None else times
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "1", "g": "5"})
        video.codec_context.time_base = Fraction(1, 1000)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        tone = container.add_stream(sound, rate=48000) if sound else None
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if tone is not None:
            samples = (np.sin(np.arange(round(48000 * (times[-1] + 0.04))) / 20) * 8000).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            heard.rate = 48000
            container.mux(tone.encode(heard))
            container.mux(tone.encode())
    return path


def sound_of(path: Path) -> list[bytes]:
    """The packets of a file's sound."""
    import av

    with av.open(str(path)) as container:
        streams = container.streams.audio
        return [bytes(packet) for packet in container.demux(streams) if packet.size] if streams else []


def times_of(path: Path) -> list[float]:
    """When a file's frames are shown, in seconds."""
    import av

    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]
