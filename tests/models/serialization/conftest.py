"""The document of a model file."""

import json

import pytest

from matminer_phonon_tl.models.serialization import (
    content_hash,
)


@pytest.fixture(scope="module")
def document(small_classifier):
    """Return the document of a model file, as a text to be parsed anew by each test."""
    content = small_classifier.as_dict()
    content["sha256"] = content_hash(content)
    return json.dumps(content)
