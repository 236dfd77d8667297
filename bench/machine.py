"""On what a figure was taken: machine, versions, commit. A figure without them says nothing."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from streams.embedded.kafka_jars import kafka_version, read_lock

_PACKAGES = ("faust-streaming", "mode-streaming", "aiokafka", "fastavro", "msgspec", "rocksdict")


def machine() -> dict[str, str | int]:
    """Tell the processor, how many cores this process may use, memory, kernel and Python."""
    return {
        "processor": _first(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_megabytes": int(_first(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo"))) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Tell the version of Kafka and of the packages that count."""
    return {"kafka": kafka_version(read_lock()), **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def commit(checkout: Path) -> tuple[str, bool]:
    """Tell the commit of a checkout, shortened, and whether anything in it has changed since; `unknown` where there is none."""
    named = _git(checkout, "rev-parse", "--short", "HEAD")
    return (named.strip(), bool(_git(checkout, "status", "--porcelain"))) if named else ("unknown", True)


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout


def _first(pattern: str, path: Path) -> str:
    """Give what a pattern finds first in a file of the kernel."""
    match = re.search(pattern, path.read_text(encoding="utf-8"))
    return match[1].strip() if match else "0"
