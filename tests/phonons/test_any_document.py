"""Whatever stands in a phonon document: a number, or one sentence."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matminer_phonon_tl.exceptions import PhononTLError
from matminer_phonon_tl.phonons import (
    acoustic_optical_gap,
    has_imaginary_modes,
    heat_capacity,
    phonon_properties,
    speed_of_sound,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def highest_frequency(document):
    return phonon_properties(document).max_frequency


PROPERTIES = {
    "bands": (acoustic_optical_gap, speed_of_sound, has_imaginary_modes, highest_frequency),
    "dos": (heat_capacity, highest_frequency),
}


def places(value, path=()):
    """Return the paths to everything inside a document, of long lists to the first few members."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, member in members:
        if isinstance(member, dict | list):
            yield from places(member, (*path, key))
        else:
            yield (*path, key)


@pytest.fixture
def documents(chain, debye):
    return {"bands": chain.as_dict(), "dos": debye.as_dict()}


def altered(document, data):
    document = copy.deepcopy(document)
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    if isinstance(parent, dict) and data.draw(st.booleans()):
        del parent[path[-1]]
    else:
        parent[path[-1]] = data.draw(ANYTHING)
    return document


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.PhononTLWarning")
@pytest.mark.parametrize("kind", PROPERTIES)
@given(data=st.data())
def test_an_altered_document_is_a_number_or_one_sentence(documents, kind, data):
    document = altered(documents[kind], data)
    for of in PROPERTIES[kind]:
        try:
            value = of(document)
        except PhononTLError as error:
            sentence = str(error)
            assert sentence.startswith("expected ")
        else:
            assert math.isfinite(value)


@pytest.mark.fuzz
@given(value=ANYTHING)
def test_anything_as_a_document_is_one_sentence(value):
    for functions in PROPERTIES.values():
        for of in functions:
            with pytest.raises(PhononTLError, match=r"^expected "):
                of(value)
