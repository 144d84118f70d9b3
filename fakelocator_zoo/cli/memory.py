"""Keep freed memory in the process, so that a network's layers do not fetch it anew."""

from __future__ import annotations

import ctypes

#: Parameters of glibc's ``mallopt``, from malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees; for a process of our own, not for a user's.

    glibc returns large blocks to the system, which fills each with zeros when it is asked for again. The process
    keeps at most what it needed at once.

    Returns:
        Whether the C library could be told; others than glibc have no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # a system without dlopen(NULL), or without glibc
        return False
    return mallopt(_MMAP_MAX, 0) == 1 and mallopt(_TRIM_THRESHOLD, -1) == 1
