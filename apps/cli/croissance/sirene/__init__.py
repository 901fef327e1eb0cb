"""Company data from files: iterators of `Found` companies, with a `Refused` for each line that cannot be used.

`read_sirene` reads INSEE's stock files, `read_api` saved answers of the two public APIs; `to_batch_body` makes the
body of `POST /v1/companies:batch` from what they give.

Columns are found by header name; unknown ones are ignored, optional ones may be missing, a missing required one stops
the import with its name, as does one that is there twice. Plain, gzip and zip files are read line by line; any other is
refused with a French sentence that says what it is. Files sorted by SIREN (as INSEE delivers
them) are merged; others go through a temporary SQLite index (`TMPDIR`, about 60 bytes an establishment). A line that is
not UTF-8, holds a NUL, has another number of fields than the header, or an unbalanced quote is refused with its number,
and the next is read.
"""

from croissance.sirene.company import MAX_BATCH, Company, Found, Refused, to_batch_body, to_body
from croissance.sirene.opening import UnreadableFile, fault_of
from croissance.sirene.saved import read_api
from croissance.sirene.stock import read_sirene

__all__ = [
    "MAX_BATCH",
    "Company",
    "Found",
    "Refused",
    "UnreadableFile",
    "fault_of",
    "read_api",
    "read_sirene",
    "to_batch_body",
    "to_body",
]
