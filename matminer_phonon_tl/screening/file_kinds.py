"""Tell what a file is by its first bytes, whatever its name says."""

import codecs
import re

from matminer_phonon_tl.exceptions import ScreeningError

FIRST_BYTES = 4096
"""Bytes that are looked at."""

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (
        rb"PK\x03\x04.*(?:xl/|_rels/|docProps/|\[Content_Types)",
        "an Excel workbook",
        "save it as CSV",
    ),
    (b"PK\x03\x04.*oasis.opendocument", "an OpenDocument spreadsheet", "save it as CSV"),
    (b"PK[\x03\x05]", "a ZIP archive", "unpack it"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old form (.xls)", "save it as CSV"),
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"ARROW1|\xff\xff\xff\xff", "an Arrow file", "save it as Parquet"),
    (b"\x89HDF", "an HDF5 file", "save its table as Parquet or CSV"),
    (b"SQLite format 3", "an SQLite database", "save its table as CSV, its crystals as CIF"),
    (b"BZh[1-9]", "a file packed by bzip2", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "a file packed by xz", "unpack it, or pack it with gzip"),
    (rb"\(\xb5/\xfd", "a file packed by zstd", "unpack it, or pack it with gzip"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"\x80[\x02-\x05]", "a Python pickle, which is never read", "save it as Parquet or CSV"),
    (b"%PDF", "a PDF document", "save its table as CSV"),
    (b"\\{\\\\rtf", "an RTF document", "save its table as CSV"),
    (b"\x89PNG|\xff\xd8\xff|GIF8", "a picture", "name a table"),
    (b"\\s*<(?:!doctype )?html", "a web page", "download the file itself"),
    (b"\\s*<", "XML", "save its table as CSV, its crystal as CIF"),
)
"""How files of other kinds begin, what they are, and what to do."""
_PATTERNS = [
    (re.compile(start, re.DOTALL | re.IGNORECASE), what, advice) for start, what, advice in _KINDS
]

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_encoding(start: bytes, name: str) -> str:
    """Return the encoding of a text by its first bytes, unpacked; UTF-8 by default.

    Raises ScreeningError, which says what it is, where it is no text.

    >>> text_encoding("formula".encode("utf-16"), "list.csv"), text_encoding(b"formula", "list.csv")
    ('utf-16', 'utf-8')
    """
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    for pattern, what, advice in _PATTERNS:
        if pattern.match(start):
            raise ScreeningError(f"expected {name} to be a text, got {what}: {advice}")
    # Without a mark, the zeros beside each ASCII letter tell.
    pair = start[:2]
    if len(pair) == 2 and pair[1] == 0 and pair[0]:
        return "utf-16-le"
    if len(pair) == 2 and pair[0] == 0 and pair[1]:
        return "utf-16-be"
    if b"\0" in start:
        raise ScreeningError(
            f"expected {name} to be a text, got another binary file: save it as CSV or Parquet"
        )
    return "utf-8"
