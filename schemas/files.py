"""Files of events understood: JSON lines, CSV and raw dumps, as lines of bytes in and records out (docs/ledger.md 1.12).

Nothing here opens a file; whoever does hands over its lines, and gets one record after the other.
"""

from collections.abc import Iterable, Iterator

from schemas.csv_form import read_csv
from schemas.dump import read_dump, write_dump
from schemas.errors import DecodeError
from schemas.lines import records_of_object, undecodable_line
from schemas.records import ReadRecord
from schemas.strict_json import parse_object

__all__ = ["read_csv", "read_dump", "read_json_lines", "write_dump"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_json_lines(lines: Iterable[bytes]) -> Iterator[ReadRecord]:
    """Read a file of JSON lines, given as its lines; each line becomes the records of one event.

    Offsets are the lines' numbers, from 1; blank lines are passed over and counted. A line that is no UTF-8, no JSON, no
    object, or an object that names a field twice is `undecodable`. Holds one line at a time; raises nothing for any bytes.
    """
    for number, line in enumerate(lines, start=1):
        content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if not content.strip():
            continue
        try:
            fields = parse_object(content)
        except DecodeError as error:
            yield undecodable_line(error, number=number, line=line)
        else:
            yield from records_of_object(fields, number=number, line=line)
