"""Coverage-guided fuzzing of what strangers write: model files, formulas, conditions, CSV lines.

Not run by pytest. In an environment that has atheris as well:

    python tests/fuzz/fuzz_untrusted_input.py -max_total_time=600 [CORPUS_FOLDER]

Anything but the package's own errors ends the run with a traceback and the input that did it.
"""

import io
import json
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["matminer_phonon_tl"]):
    from matminer_phonon_tl.compositions import as_composition
    from matminer_phonon_tl.exceptions import PhononTLError
    from matminer_phonon_tl.featurizers import XenonPyDescriptors
    from matminer_phonon_tl.models.serialization import (
        content_hash,
        decode_model,
        parse_document,
    )
    from matminer_phonon_tl.screening.chunks import Reading
    from matminer_phonon_tl.screening.input_csv_json import csv_chunks, json_chunks
    from matminer_phonon_tl.screening.where import parse_where
    from matminer_phonon_tl.untrusted_json import parse_json


def model_file(content: bytes) -> None:
    """Load the bytes of a model file, and again with a hash that fits."""
    with suppress(PhononTLError):
        parse_document(content)
    try:
        document = parse_json(content)
    except ValueError:
        return
    if isinstance(document, dict):
        document["sha256"] = content_hash(document)
        decode_model(parse_document(json.dumps(document).encode()))


def formula(content: bytes) -> None:
    """Read a formula and describe it."""
    composition = as_composition(content.decode("utf-8", "surrogateescape"))
    XenonPyDescriptors().featurize(composition)


def condition(content: bytes) -> None:
    """Read a condition on rows."""
    parse_where(content.decode("utf-8", "replace"))


def table(content: bytes) -> None:
    """Read CSV and JSON lines."""
    for read in (csv_chunks, json_chunks):
        text = content.decode("utf-8", "surrogateescape")
        with suppress(PhononTLError):
            for chunk in read(io.StringIO(text, newline=""), "fuzz", Reading(None, 100)):
                chunk.sha256()


TARGETS = (model_file, formula, condition, table)


def fuzz(data: bytes) -> None:
    """Give the input to the target that its first byte names."""
    if not data:
        return
    with suppress(PhononTLError):
        TARGETS[data[0] % len(TARGETS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
