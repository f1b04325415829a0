"""Builds the walls around a module and starts it inside them.

    python -I -m lumina_hub.supervisor.launch SPEC PARENT

Runs as a process of its own, because what it does to itself cannot be undone. It stays as the module's keeper: passes
SIGTERM on, kills all the module has started when the module ends, and with SIGUSR1, or when the hub ends, does so at
once. It imports nothing but the standard library, so that it starts quickly.

With namespaces there are three processes: keeper, init (process 1 of the namespace; when it ends the kernel kills
everything in it) and the module. Without them there are two, and the keeper finds orphans as their adoptive parent.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from lumina_hub.supervisor import kernel
from lumina_hub.supervisor.landlock import confine
from lumina_hub.supervisor.rootfs import can_enter_root, enter_namespaces, enter_root
from lumina_hub.supervisor.seccomp import filter_calls
from lumina_hub.supervisor.spec import LaunchSpec, ProcessLimits, Walls

__all__ = ["main"]

KILLED = signal.SIGUSR1
CANNOT_START = 71

_EVERYBODY_READS = (
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/mime.types",
    "/etc/passwd",
    "/etc/group",
    "/etc/alternatives",
    "/sys/devices/system/cpu",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PROC = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/version",
    "/proc/sys",
    "/proc/filesystems",
)


def main() -> None:
    spec = LaunchSpec.read(Path(sys.argv[1]))
    kernel.die_with_parent(KILLED, int(sys.argv[2]))
    os.setsid()
    os.umask(0o077)
    for directory in spec.cgroups:
        with suppress(OSError):
            (Path(directory) / "cgroup.procs").write_text("0")
    notes = os.open(spec.notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    if can_enter_root(Path(spec.root)):
        enter_namespaces()
        sys.exit(_keep(lambda: _init(spec, notes), lambda: None))
    kernel.become_subreaper()
    sys.exit(_keep(lambda: _module(spec, notes, own_root=False), _kill_descendants))


def _init(spec: LaunchSpec, notes: int) -> int:
    """Process 1 of the namespace."""
    enter_root(Path(spec.root), map(Path, (*_EVERYBODY_READS, *_DEVICES, *_of(spec), *spec.reachable)))
    return _keep(lambda: _module(spec, notes, own_root=True), lambda: None)


def _module(spec: LaunchSpec, notes: int, *, own_root: bool) -> int:
    """Becomes the module; returns only where it cannot."""
    os.setsid()
    os.chdir(spec.directory)
    _limit(spec.limits)
    kernel.forbid_new_privileges()
    proc = ("/proc",) if own_root else (os.path.realpath("/proc/self"), *_PROC)
    abi = confine(
        map(Path, (*_EVERYBODY_READS, *spec.readable, *proc)),
        map(Path, spec.writable),
        [Path(spec.run_dir)],
        map(Path, _DEVICES),
        network=spec.network,
    )
    kernel.drop_capabilities()
    walls = Walls(own_root=own_root, landlock=abi, seccomp=filter_calls(network=spec.network))
    os.write(notes, json.dumps(asdict(walls)).encode())
    for number in (signal.SIGTERM, KILLED, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(spec.command[0], spec.command, spec.environment)  # noqa: S606 - an argument list, as declared
    except OSError as error:
        _say(f"cannot run {spec.command[0]}: {error}")
    return CANNOT_START


def _of(spec: LaunchSpec) -> tuple[str, ...]:
    return (*spec.readable, *spec.writable, spec.run_dir)


def _limit(limits: ProcessLimits) -> None:
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NPROC, limits.processes),  # of this user in this namespace; root is exempt
    ):
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        resource.setrlimit(kind, (value, value))


def _keep(start: Callable[[], int], clean: Callable[[], None]) -> int:
    """Start a child, pass SIGTERM on to it, wait until it has ended, reap what was left to us; return its status."""
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        status = CANNOT_START
        try:
            kernel.die_with_parent(signal.SIGKILL, ours if os.getpid() != 1 else 0)
            status = start()
        except BaseException as error:
            _say(f"cannot start the module: {type(error).__name__}: {error}")
        finally:
            os._exit(status)

    def terminate(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    def kill(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(KILLED, kill)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child:
            clean()
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code  # as a shell says it


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def _kill_descendants() -> None:
    """Kill what the module left behind, until nothing is left."""
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
