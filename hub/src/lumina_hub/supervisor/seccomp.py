"""A filter on system calls: no sockets but Unix ones without `use:network`, and no way round the other walls.

Landlock governs TCP only; a datagram could still carry data out. And what makes namespaces, traces processes or
submits calls past this filter is nothing a module needs.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from lumina_hub.supervisor.kernel import machine, prctl

__all__ = ["filter_calls"]

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x4000_0000
_NEW_USER_NAMESPACE = 0x1000_0000
_AF_UNIX, _AF_INET, _AF_NETLINK, _AF_INET6 = 1, 2, 16, 10

# Architecture, then the numbers of: socket, clone, and calls to refuse outright.
_TABLES: dict[str, tuple[int, int, int, tuple[int, ...]]] = {
    # unshare setns ptrace keyctl add_key request_key bpf perf_event_open userfaultfd process_vm_readv/writev mount
    # umount2 pivot_root chroot
    "x86_64": (
        0xC000_003E,
        41,
        56,
        (272, 308, 101, 250, 248, 249, 321, 298, 323, 310, 311, 165, 166, 155, 161),
    ),
    "aarch64": (
        0xC000_00B7,
        198,
        220,
        (97, 268, 117, 219, 217, 218, 280, 241, 282, 270, 271, 40, 39, 41, 51),
    ),
}
_IO_URING_SETUP, _CLONE3 = 425, 435
"""Said not to be there, so that libraries use what they used before."""


def filter_calls(*, network: bool) -> bool:
    """Put the filter on, for this program and whatever it starts. False where we have no table for this machine."""
    table = _TABLES.get(machine())
    if table is None:
        return False
    architecture, socket, clone, refused = table
    families = [_AF_UNIX, *((_AF_INET, _AF_INET6, _AF_NETLINK) if network else ())]
    denied, absent = _ERROR | errno.EACCES, _ERROR | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine() == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, absent)]
    for number in (_IO_URING_SETUP, _CLONE3):
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, absent)]
    for number in refused:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, denied)]
    program += [
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, len(families) + 4, _NEW_USER_NAMESPACE),
        (_RETURN, 0, 0, denied),
        (_EQUAL, 0, len(families) + 2, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
    ]
    for left, family in zip(range(len(families), 0, -1), families, strict=True):
        program.append((_EQUAL, left, 0, family))
    program += [(_RETURN, 0, 0, denied), (_RETURN, 0, 0, _ALLOW)]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(filter_program))
    return True
