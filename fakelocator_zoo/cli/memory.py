"""Memory that a process keeps instead of giving it back after every layer."""

from __future__ import annotations

import ctypes

#: Parameters of glibc's ``mallopt``, from malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, and use it again; for a process of our own, not for a user's.

    A network asks for the same few large blocks again and again. The C library of most Linux systems takes each from
    the system and gives it back, and the system fills it with zeros every time: for batches of eight images that is
    half of the time on a CPU. What is kept is at most what was needed at once.

    Returns:
        Whether the C library could be told; others than glibc have no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # a system without dlopen(NULL), or without glibc
        return False
    return bool(mallopt(_MMAP_MAX, 0) == 1 and mallopt(_TRIM_THRESHOLD, -1) == 1)
