"""Landlock: what a process and all it starts may still open, connect to and signal. Nothing can take it back.

https://docs.kernel.org/userspace-api/landlock.html; the calls have no wrapper in libc.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from lumina_hub.supervisor.kernel import syscall

__all__ = ["ABI_FILES", "ABI_SIGNALS", "ABI_TCP", "confine", "landlock_abi"]

ABI_FILES, ABI_TCP, ABI_SIGNALS = 1, 4, 6
"""The first version that governs files; TCP too; signals and abstract sockets too."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_REMOVE_FILE, _MAKE_SOCKET = 1 << 5, 1 << 9
_MAKE_DEVICE = 1 << 6 | 1 << 11
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def landlock_abi() -> int:
    """The version this kernel has; 0 where it has none, or has it switched off."""
    try:
        return syscall(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def confine(
    readable: Iterable[Path],
    writable: Iterable[Path],
    listening: Iterable[Path],
    devices: Iterable[Path],
    *,
    network: bool,
) -> int:
    """Confine this process to these files, and without `network` to no TCP at all; return the version used.

    Call `forbid_new_privileges` before. Paths that are not there are passed over. What the kernel's version does not
    govern stays open: the caller must know.

    Args:
        readable: May be read and executed, with all beneath.
        writable: May be read, written, made and removed, with all beneath; but no devices.
        listening: Directories that may be read, and hold sockets it makes and removes; it makes nothing else there.
        devices: Files that may be read and written.
        network: May connect over TCP. Nobody may listen on it.
    """
    abi = landlock_abi()
    if abi < ABI_FILES:
        return 0
    fs = (1 << 13) - 1
    fs |= (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEV if abi >= 5 else 0)
    net = (_BIND_TCP | (0 if network else _CONNECT_TCP)) if abi >= ABI_TCP else 0
    scoped = (_ABSTRACT_SOCKETS | _SIGNALS) if abi >= ABI_SIGNALS else 0
    attributes = _Ruleset(fs, net, scoped)
    size = 24 if abi >= ABI_SIGNALS else 16 if abi >= ABI_TCP else 8
    ruleset = syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    try:
        for paths, access in (
            (readable, _READ),
            (writable, fs & ~_MAKE_DEVICE & ~_IOCTL_DEV),
            (listening, _READ | _MAKE_SOCKET | _REMOVE_FILE),
            (devices, _READ_FILE | _WRITE_FILE),
        ):
            for path in paths:
                _allow(ruleset, path, access & fs)
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            access &= _OF_FILES
        rule = _PathBeneath(access, parent)
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)
