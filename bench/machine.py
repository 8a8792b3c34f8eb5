"""What the figures were measured on, and the few things of the machine that the harness sets or reads."""

from __future__ import annotations

import os
import platform
import resource
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "gapless",
    "uvicorn",
    "uvloop",
    "httptools",
    "websockets",
    "fastapi",
    "starlette",
    "orjson",
    "python-socketio",
    "aiohttp",
)

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def describe(server_cpu: int, load_cpu: int) -> dict[str, str]:
    """The machine and the versions, for the report."""
    about = {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{_meminfo('MemTotal') / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "pinned": f"server to core {server_cpu}, load generator to core {load_cpu}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "open files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
    return about | {name: found for name in PACKAGES if (found := installed(name))}


def installed(package: str) -> str | None:
    """Its version, None when it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def two_cores() -> tuple[int, int]:
    """A core for the server and one for the load generator: not two threads of one core if that can be had.

    Raises:
        SystemExit: this machine has no `sched_setaffinity`, or only one core for us.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("the benchmarks need Linux: they pin processes to cores and read with epoll")
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("the benchmarks need two cores: one for the server, one for the load generator")
    server = usable[0]
    others = [cpu for cpu in usable[1:] if cpu not in _siblings(server)]
    return server, (others or usable[1:])[0]


def pin(cpu: int) -> None:
    """Keep this process, and what it starts, on one core."""
    os.sched_setaffinity(0, {cpu})


def raise_open_files() -> int:
    """Ask for as many open files as this user may have; returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def cpu_ns(pid: int) -> int:
    """Nanoseconds of CPU that all threads of a process have used, user and system.

    The clock id of another process is made from its pid as clock_getcpuclockid(3) does;
    /proc/PID/stat would count in ticks of 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def busy_ns(cpus: tuple[int, ...]) -> int:
    """Nanoseconds that these cores were not idle since boot, in ticks of 10 ms; stolen time is not idle."""
    wanted = {f"cpu{cpu}" for cpu in cpus}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, values[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks * (10**9 // _TICKS)


def busy_share(cpus: tuple[int, ...], seconds: float = 0.3) -> float:
    """Look for a moment how much of these cores is used; 1.0 is one core."""
    before = busy_ns(cpus)
    time.sleep(seconds)
    return (busy_ns(cpus) - before) / 1e9 / seconds


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def open_files(pid: int) -> int:
    """How many descriptors a process holds."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def kernel_bytes() -> int:
    """Kernel memory of the whole machine that grows with connections.

    Slab (sockets, files, epoll items) and what /proc/net/sockstat says of TCP buffers.
    """
    pages = 0
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            pages = int(words[words.index("mem") + 1])
    return _meminfo("Slab") + pages * _PAGE


def _meminfo(name: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _siblings(cpu: int) -> set[int]:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return {cpu}
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
