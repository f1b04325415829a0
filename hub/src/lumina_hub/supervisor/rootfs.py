"""A root directory that holds what a module may see and nothing else, in a mount namespace of its own.

Landlock does not govern connecting to a Unix socket by its path. Where a module sees no path to Redis, to the index
process or to another module, there is nothing to connect to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lumina_hub.supervisor.kernel import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, mount, pivot_into, unshare

__all__ = ["can_enter_root", "enter_namespaces", "enter_root"]

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18


def enter_namespaces() -> None:
    """Users, mounts and processes of our own, under the same user id. Children are in the new process namespace.

    Raises:
        OSError: the kernel, a container or a policy does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def can_enter_root(where: Path) -> bool:
    """Whether all of it is allowed here; tried in a child, since half of it could not be undone."""
    child = os.fork()
    if child == 0:
        try:
            enter_namespaces()
            enter_root(where, [])
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def enter_root(where: Path, visible: Iterable[Path]) -> None:
    """Make a new root of `visible`, each under its own path, and enter it.

    Needs a mount namespace of its own. Paths that are not there are passed over; symbolic links are made anew, and what
    they lead to is visible too.

    Args:
        where: A directory to build it in; nothing is left there.

    Raises:
        OSError: the kernel does not allow it; nothing was entered.
    """
    mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE)
    mount("tmpfs", where, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=0755")
    for path in _with_targets(visible):
        _show(where, path)
    proc = where / "proc"
    proc.mkdir(exist_ok=True)
    try:
        mount("proc", proc, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except OSError:
        proc.rmdir()  # inside some containers; a module does without
    pivot_into(where)


def _with_targets(paths: Iterable[Path]) -> list[Path]:
    """The paths with what symbolic links lead to, shortest first, without those that lie beneath another."""
    every: set[Path] = set()
    for path in paths:
        while path not in every and (path.is_symlink() or path.exists()):
            every.add(path)
            path = Path(os.path.realpath(path))
    links = {path for path in every if path.is_symlink()}
    kept: list[Path] = []
    for path in sorted(every - links, key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept + sorted(links)


def _show(root: Path, path: Path) -> None:
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        if not os.path.lexists(target):
            target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.touch()
    mount(str(path), target, None, _MS_BIND | _MS_REC)
