"""Two walls around a process that is about to read hostile bytes: no file opens, and few system calls are left.

Landlock (Linux 5.13) refuses every file. A filter on system calls (seccomp-BPF, x86_64 and aarch64) leaves what
computing needs: memory, threads, time, and descriptors that are open already. Sockets, programs, signals to others,
other processes' memory, io_uring and the rest answer EPERM, on hosts that forbid namespaces too. The kernel takes
either wall away from nobody. Where it has neither, :func:`lock` says so and the process goes on with the limits of
:func:`core.media.child.confine` alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000  # linux/seccomp.h: what a filter returns
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # linux/bpf_common.h: ld abs, jeq, jset, ret
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_THREAD = 0x00010000  # CLONE_THREAD

# What is left, by name: numbers on x86_64 and aarch64; None where that machine has no such call.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "dup": (32, 23), "fcntl": (72, 25), "fstat": (5, 80), "newfstatat": (262, 79),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "brk": (12, 214),
    "madvise": (28, 233), "membarrier": (324, 283),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "arch_prctl": (158, None), "set_robust_list": (273, 99), "rseq": (334, 293),
    "set_tid_address": (218, 96), "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "getcpu": (309, 168), "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153),
    "getrusage": (98, 165), "sysinfo": (99, 179), "uname": (63, 160), "getrandom": (318, 278),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175),
    "getgid": (104, 176), "getegid": (108, 177), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
_CLONE, _CLONE3, _TGKILL, _PRLIMIT, _PRCTL = (56, 220), (435, 435), (234, 131), (302, 261), (157, 167)
_NAMING = 15  # PR_SET_NAME: libraries name their threads
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH


def lock() -> frozenset[str]:
    """Put up both walls for this process and all its threads to come; nothing after this imports or opens.

    Returns:
        The walls that stand: ``files``, ``calls``.
    """
    if sys.platform != "linux":
        return frozenset()
    return frozenset(name for name, built in (("files", _lock_files()), ("calls", _lock_calls())) if built)


def _lock_files() -> bool:
    """Landlock without any rule: nothing is allowed. Holds for this thread and those that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(444, None, 0, 1)  # landlock_create_ruleset, asked for its ABI
    # Thirteen rights (read, write, execute, make ...), then to move between folders, then to cut a file short.
    every_access = struct.pack("<Q", (1 << {1: 13, 2: 14}.get(version, 15)) - 1)
    ruleset = libc.syscall(444, every_access, len(every_access), 0)  # landlock_create_ruleset
    if ruleset < 0:
        return False
    built: bool = libc.syscall(446, ruleset, 0) == 0  # landlock_restrict_self
    os.close(ruleset)
    return built


def _lock_calls() -> bool:
    """The filter, on every thread of this process at once."""
    if platform.machine() not in _MACHINES or struct.calcsize("P") != 8:
        return False
    program = _program(*_MACHINES[platform.machine()])
    number = {"x86_64": 317, "aarch64": 277}[platform.machine()]  # seccomp
    body = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(body))  # struct sock_fprog
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, 1, 1, header) == 0:  # SECCOMP_SET_MODE_FILTER, with FLAG_TSYNC
        return True
    return bool(
        libc.prctl(22, 2, header) == 0
    )  # PR_SET_SECCOMP, where a supervisor's own filter knows no seccomp(2)


def _program(column: int, architecture: int) -> bytes:
    """The filter in classic BPF, eight bytes an instruction. A jump counts the instructions that it passes over."""
    steps = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL)]
    steps.append(_step(_LOAD, _NUMBER))
    for numbers in _CALLS.values():
        if (number := numbers[column]) is not None:
            steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    # A thread of ours, but no process; clone3 hides its flags behind a pointer, and libc then takes clone.
    steps += _where(_CLONE[column], 0, _step(_ANY_BIT, _THREAD, 0, 1))
    steps += [_step(_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += _where(
        _TGKILL[column], 0, _step(_EQUAL, os.getpid(), 0, 1)
    )  # abort() signals ourselves, nobody else
    steps += _where(_PRLIMIT[column], 0, _step(_EQUAL, 0, 0, 1))  # our own limits
    steps += _where(_PRCTL[column], 0, _step(_EQUAL, _NAMING, 0, 1))
    steps.append(_step(_RETURN, _ERRNO | errno.EPERM))
    return b"".join(steps)


def _where(number: int, argument: int, test: bytes) -> list[bytes]:
    """Allow one call where ``test`` holds for its argument; then the call's number is loaded again for what follows."""
    return [
        _step(_EQUAL, number, 0, 4),
        _step(_LOAD, _ARGUMENT + 8 * argument),  # the low half: both machines are little-endian
        test,
        _step(_RETURN, _ALLOW),
        _step(_LOAD, _NUMBER),
    ]


def _step(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    """struct sock_filter."""
    return struct.pack("=HBBI", code, when_true, when_false, value)


__all__ = ["lock"]
