"""Files beside the data that are kept from one run to the next: written whole, and rolled before they grow for ever."""

from pathlib import Path

_LOG_BYTES_KEPT = 8 * 1024 * 1024


def write_whole(path: Path, content: bytes) -> None:
    """Write a file by a rename, so that nobody reads a half of it."""
    half = path.with_suffix(".half")
    half.write_bytes(content)
    half.replace(path)


def roll(log: Path) -> None:
    """Keep a log from growing for ever: at a start, a long one becomes the one before."""
    if log.exists() and log.stat().st_size > _LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".log.1"))
