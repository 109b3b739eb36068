"""Model files of a stranger: the hash fits, the allow-list and the checks must hold."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import PhononGapClassifier, save_model
from matminer_phonon_tl.models.serialization import (
    content_hash,
    decode_model,
    parse_document,
)
from matminer_phonon_tl.models.state import encode_array


def rehashed(content):
    """Return what an attacker would write: altered, and with a hash that fits."""
    content["sha256"] = content_hash(content)
    return json.dumps(content).encode()


def alter_class(content):
    content["@class"] = "Popen"
    content["@module"] = "subprocess"


def alter_nested_class(content):
    content["params"]["random_state"] = {"@class": "system", "@module": "os", "params": {"x": 1}}


def alter_parameter(content):
    content["params"]["command"] = "true"


def alter_schema(content):
    content["schema_version"] = 99


def alter_shape(content):
    content["state"]["forest"]["threshold"]["shape"] = [10**15]


def alter_negative_shape(content):
    content["state"]["forest"]["threshold"]["shape"] = [-1]


def alter_dtype(content):
    content["state"]["forest"]["threshold"]["dtype"] = "|O8"


def alter_bytes(content):
    content["state"]["forest"]["threshold"]["@array"] = "!" + "A" * 3


def alter_weights(content):
    array = content["state"]["impurity_importances"]
    array["@array"] = encode_array(np.full(array["shape"], np.nan))["@array"]


def alter_state(content):
    content["state"] = {"forest": 1}


def alter_depth(content):
    nested = 0
    for _ in range(100):
        nested = [nested]
    content["params"]["cv"] = nested


def alter_importances(content):
    content["state"]["impurity_importances"] = encode_array(np.zeros(3))


def alter_infinity(content):
    content["params"]["threshold"] = "INFINITY"


def alter_threshold(content):
    content["params"]["threshold"] = 5.0


def alter_huge_dimension(content):
    content["params"]["cv"] = {"@array": "", "dtype": "<f8", "shape": [0, 10**30]}


def alter_text_importances(content):
    content["state"]["impurity_importances"] = ["a"] * 290


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (alter_infinity, "expected finite numbers"),
        (alter_threshold, "threshold as a number in 0-1"),
        (alter_huge_dimension, "at most 2147483648 each"),
        (alter_text_importances, "expected"),
        (alter_class, "no other class is ever built from a file"),
        (alter_nested_class, "no other class is ever built from a file"),
        (alter_parameter, r"got also \['command'\]"),
        (alter_schema, "update matminer-phonon-tl to load it"),
        (alter_shape, "at most 2147483648 each"),
        (alter_negative_shape, "shape as a list of sizes"),
        (alter_dtype, "expected an array of one of"),
        (alter_bytes, "bytes for the shape|base64"),
        (alter_weights, "got NaN or infinity"),
        (alter_state, "expected the state of a PhononGapClassifier"),
        (alter_depth, "levels of nesting"),
        (alter_importances, "expected a forest of 290 descriptors"),
    ],
)
def test_attacks_are_refused(document, alter, sentence):
    content = json.loads(document)
    alter(content)
    # JSON can write infinity as a number; Python's writer cannot.
    written = rehashed(content).replace(b'"INFINITY"', b"1e999")
    with pytest.raises(ModelFormatError, match=sentence):
        decode_model(parse_document(written))


def test_a_file_without_state_is_an_unfitted_model(document):
    content = json.loads(document)
    content["state"] = None
    model = decode_model(parse_document(rehashed(content)))
    with pytest.raises(NotFittedError):
        model.predict(["InN"])


def test_a_model_fitted_anew_forgets_its_card(small_classifier, train):
    model = PhononGapClassifier.from_dict(small_classifier.as_dict())
    model.card_ = {"scores": [{"protocol": "leak_free", "f1": 0.9}]}
    part = train[:400]
    model.fit(part, part["has_phonon_bandgap"])
    card = model.as_dict()["card"]
    assert card["scores"] == []
    assert card["training_data"]["rows"] == 400


def test_loading_the_wrong_class_says_so(tmp_path):
    save_model(PhononGapClassifier(), tmp_path / "model.json")
    from matminer_phonon_tl.models import PhononPredictor

    with pytest.raises(ModelFormatError, match="to hold a PhononPredictor, got a PhononGap"):
        PhononPredictor.load(tmp_path / "model.json")
    with pytest.raises(ModelFormatError):
        PhononPredictor.from_dict({"@class": "PhononGapClassifier"})


def paths_of(value, path=()):
    """Every place in a JSON tree."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from paths_of(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from paths_of(member, (*path, index))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["@class", "PhononGapClassifier", "os.system", "<f8"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["@array", "@tuple", "@class", "@module", "dtype", "shape", "x"]), inner,
        max_size=3,
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.fuzz
@given(data=st.data())
def test_any_altered_tree_is_refused_or_a_model(document, data):
    content = json.loads(document)
    places = [path for path in paths_of(content) if path and path != ("sha256",)]
    path = data.draw(st.sampled_from(places))
    parent = content
    for step in path[:-1]:
        parent = parent[step]
    if data.draw(st.booleans()):
        parent[path[-1]] = data.draw(ANY_JSON)
    elif isinstance(parent, dict):
        del parent[path[-1]]
    try:
        model = decode_model(parse_document(rehashed(content)))
    except ModelFormatError:
        return
    if not hasattr(model, "forest_"):
        return
    probability = model.predict_proba(["InN"])[:, 1]
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.fuzz
@given(data=st.data())
def test_any_flipped_byte_is_refused(document, data):
    content = bytearray(document.encode())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse_document(bytes(content))
    except ModelFormatError:
        return
    # White space, or the case of an escape: the content is the same.
    assert parsed == json.loads(document)


@pytest.mark.fuzz
@given(content=st.binary(max_size=200) | st.binary(max_size=200).map(gzip.compress))
def test_any_bytes_are_refused(content):
    with pytest.raises(ModelFormatError):
        parse_document(content)
