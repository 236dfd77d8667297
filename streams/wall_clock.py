"""The wall clock, as worker, sink and commands read it; the core is told the time."""

from creditstream.wall_clock import now_microseconds

__all__ = ["now_microseconds"]
