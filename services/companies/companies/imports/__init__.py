"""Company data from files: iterators of `RegisterCompany`, with a `Refused` for each line that cannot be used.

`read_sirene` reads INSEE's stock files, `read_api` saved answers of the two public APIs; `to_batch_body` makes the
body of `POST /v1/companies:batch` from what they give.
"""

from companies.imports.bodies import MAX_BATCH, to_batch_body, to_body
from companies.imports.saved import read_api
from companies.imports.sirene import read_sirene
from companies.imports.table import Refused, UnreadableFile

__all__ = ["MAX_BATCH", "Refused", "UnreadableFile", "read_api", "read_sirene", "to_batch_body", "to_body"]
