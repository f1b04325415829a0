"""The few calls of the Linux kernel that Python's library does not have. Standard library only: see `launch.py`."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

__all__ = [
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "become_subreaper",
    "die_with_parent",
    "drop_capabilities",
    "forbid_new_privileges",
    "machine",
    "mount",
    "pivot_into",
    "prctl",
    "syscall",
    "unshare",
]

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x2008_0522
_MNT_DETACH = 2
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    """`x86_64`, `aarch64`, …"""
    return platform.machine()


def syscall(number: int, *arguments: object) -> int:
    """Raises OSError."""
    return _checked(_libc.syscall(number, *arguments))


def prctl(option: int, argument: int = 0, third: object = 0) -> None:
    """Raises OSError."""
    _checked(_libc.prctl(option, ctypes.c_ulong(argument), third, 0, 0))


def die_with_parent(signal: int, parent: int) -> None:
    """Ask for `signal` when the parent ends; end at once if it has already."""
    prctl(_PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        os._exit(1)


def become_subreaper() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """No program started from here on gains rights by being set-user-ID or by file capabilities."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, for this program and whatever it starts. Who has none loses none."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one, or not ours to drop
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()))


def unshare(flags: int) -> None:
    """Raises OSError where the kernel, or a policy, does not allow it."""
    _checked(_libc.unshare(flags))


def mount(source: str, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    """Raises OSError."""
    _checked(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            None if kind is None else kind.encode(),
            ctypes.c_ulong(flags),
            options.encode() if options else None,
        )
    )


def pivot_into(root: Path) -> None:
    """Make a mount the root directory, and leave the old one for good. Raises OSError."""
    os.chdir(root)
    syscall(155 if machine() == "x86_64" else 41, b".", b".")
    _checked(_libc.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
