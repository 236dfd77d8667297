"""What a worker needs of memory, and writes, while it applies millions of events of hundreds of thousands of accounts.

One worker process with the memory that its settings give it. Its resident memory is read every 100 ms. The rate needs a quiet
machine; the sizes do not, but say little where the limit of time came before all was applied.
"""

from bench.growth.crowd import Crowd
from bench.growth.part import Part
from bench.growth.running import Place, Ran, run_worker
from bench.growth.sizes import StateSize, state_size

BOUND_BYTES = 512 << 20
_TENTHS = 10


async def measure(place: Place, *, event_count: int, account_count: int) -> Part:
    """Run the worker and measure; raises TransientError where it fails."""
    ran = await run_worker(place, Crowd(account_count, event_count), name="memory")
    return _part(place, ran, state_size(ran.state_folder))


def _part(place: Place, ran: Ran, state: StateSize) -> Part:
    crowd, logs = ran.crowd, ran.logs
    tenths = ran.resident[1].peaks(since=ran.began_at, count=_TENTHS)
    whole_count = ran.done_count + crowd.opening_count
    figures = {
        "event_count": crowd.event_count,
        "account_count": crowd.account_count,
        "settings": place.settings,
        "done_count": ran.done_count,
        "lag": ran.lag,
        "seconds": ran.seconds,
        "events_a_second": ran.events_a_second,
        "peak_bytes": ran.peak,
        "peak_bytes_of_children": max(resident.peak_of_children() for resident in ran.resident),
        "peak_bytes_of_opening": ran.resident[0].peak(),
        "peak_bytes_by_tenths": tenths,
        "changelog_bytes": logs.changelog_bytes,
        "changelog_records": logs.changelog_records,
        "output_bytes": logs.output_bytes,
        "warnings": ran.warnings,
        "loop_delays": ran.delays._asdict(),
        "state": state._asdict(),
    }
    by_letter = sorted(state.bytes_by_letter.items(), key=lambda entry: -entry[1])
    rows = [
        ("events after the first grants", f"{crowd.event_count:,}", f"of {crowd.account_count:,} accounts"),
        ("events a second", f"{ran.events_a_second:,.0f}", f"{ran.seconds:.0f} s; {ran.lag:,} records behind at the end"),
        ("resident memory, peak", _megabytes(ran.peak), f"of {_megabytes(BOUND_BYTES)}; {_settings(place)}"),
        ("of its children", _megabytes(max(resident.peak_of_children() for resident in ran.resident)), ""),
        ("peak of each tenth of the run", " ".join(str(peak >> 20) for peak in tenths), "MB"),
        ("loop late by more than 50 ms", f"{ran.delays.late_share:.2%}", ran.delays.told()),
        ("warnings in its log", f"{len(ran.warnings)}", ran.warnings[-1] if ran.warnings else ""),
        ("changelog, bytes an event", f"{logs.changelog_bytes / ran.done_count:,.0f}", "as the broker keeps them"),
        ("changelog, records an event", f"{logs.changelog_records / ran.done_count:.1f}", "with the marks of commits"),
        ("outputs, bytes an event", f"{logs.output_bytes / ran.done_count:,.0f}", "as the broker keeps them"),
        ("state, bytes an event on disk", f"{state.file_bytes / whole_count:,.0f}", "all files of the local stores"),
        (
            "state, bytes an event of keys and values",
            f"{state.content_bytes / whole_count:,.0f}",
            ", ".join(f"{letter} {count / whole_count:,.0f}" for letter, count in by_letter),
        ),
        ("state, keys", f"{state.key_count:,}", f"{state.key_count / whole_count:.2f} an event, the first grants counted"),
    ]
    return Part("Memory of a worker", ("figure", "value", "remark"), rows, figures)


def _settings(place: Place) -> str:
    return ", ".join(f"{name}={value}" for name, value in place.settings.items()) or "default settings"


def _megabytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MB"
