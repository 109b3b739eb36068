"""Model files: exact, safe against accidents, written whole or not at all."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from monty.json import MontyDecoder, MontyEncoder
from sklearn.base import clone

import matminer_phonon_tl.models.serialization as module
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import PhononGapClassifier, load_model, save_model
from matminer_phonon_tl.models.serialization import (
    read_document,
)

FORMULAS = ["InN", "GaSb", "InAs", "InSb", "Fe2O3"]


# --- exact ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.json", "model.json.gz"])
def test_round_trip_is_exact(small_classifier, tmp_path, name):
    save_model(small_classifier, tmp_path / name)
    restored = load_model(tmp_path / name)
    expected = small_classifier.predict_proba(FORMULAS)
    assert np.array_equal(restored.predict_proba(FORMULAS), expected)
    assert restored.get_params() == small_classifier.get_params()
    assert restored.threshold == small_classifier.threshold
    assert restored.training_data_ == small_classifier.training_data_
    assert restored.feature_importances().equals(small_classifier.feature_importances())
    assert (tmp_path / name).read_bytes()[:2] == (b"\x1f\x8b" if name.endswith("gz") else b'{"')


def test_saving_again_gives_the_same_bytes(small_classifier, tmp_path):
    save_model(small_classifier, tmp_path / "one.json.gz")
    save_model(load_model(tmp_path / "one.json.gz"), tmp_path / "two.json.gz")
    assert (tmp_path / "one.json.gz").read_bytes() == (tmp_path / "two.json.gz").read_bytes()


def test_monty_restores_the_same_model(small_classifier):
    text = json.dumps({"model": small_classifier}, cls=MontyEncoder)
    restored = json.loads(text, cls=MontyDecoder)["model"]
    assert isinstance(restored, PhononGapClassifier)
    expected = small_classifier.predict_proba(FORMULAS)
    assert np.array_equal(restored.predict_proba(FORMULAS), expected)


def test_an_unfitted_model_keeps_its_parameters(tmp_path):
    model = PhononGapClassifier(threshold=0.3, param_grid={"max_depth": (3, None)})
    model.save(tmp_path / "unfitted.json")
    restored = PhononGapClassifier.load(tmp_path / "unfitted.json")
    assert restored.get_params() == model.get_params()
    assert restored.param_grid == {"max_depth": (3, None)}
    assert not hasattr(restored, "forest_")
    assert clone(restored).get_params() == model.get_params()


def test_a_file_is_its_own_card(small_classifier, tmp_path):
    model = PhononGapClassifier.from_dict(small_classifier.as_dict())
    model.card_ = {"scores": [{"protocol": "leak_free", "f1": 0.5}]}
    save_model(model, tmp_path / "model.json")
    card = read_document(tmp_path / "model.json")["card"]
    assert card["scores"] == [{"protocol": "leak_free", "f1": 0.5}]
    assert card["versions"]["numpy"] == np.__version__
    assert load_model(tmp_path / "model.json").card_ == card


def test_no_larger_than_three_times_joblib(small_classifier, train, tmp_path):
    pipeline = small_classifier.make_pipeline()
    pipeline.set_params(forest__n_estimators=25, forest__max_depth=8)
    pipeline.fit(train["composition"], train["has_phonon_bandgap"])
    buffer = io.BytesIO()
    joblib.dump(pipeline.named_steps["forest"], buffer, compress=("gzip", 9))
    save_model(small_classifier, tmp_path / "model.json.gz")
    assert (tmp_path / "model.json.gz").stat().st_size < 3 * len(buffer.getvalue())


# --- accidents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "expected JSON, but parsing it failed"),
        (lambda _: "", "expected JSON, but parsing it failed"),
        (lambda _: "[]", "expected a model with params, state and schema_version"),
        (
            lambda text: text.replace('"threshold": 0.5', '"threshold": 0.4'),
            "match the file's sha256",
        ),
        (lambda text: text.replace("0.5", "NaN", 1), "expected finite numbers, got NaN"),
        (lambda text: text.replace('"sha256": ', '"sha512": '), "expected a field sha256"),
        (lambda _: "[" * 100_000, "expected at most 100 levels of nesting"),
        (lambda _: '{"a":' * 100_000, "expected at most 100 levels of nesting"),
        (lambda _: '{"[": "\\"[[[' + "[" * 100 + '"}', "expected a model with params"),
    ],
)
def test_altered_files_are_refused(document, tmp_path, alter, sentence):
    path = tmp_path / "model.json"
    path.write_text(alter(document))
    with pytest.raises(ModelFormatError, match=sentence) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_a_truncated_gzip_is_refused(document, tmp_path):
    path = tmp_path / "model.json.gz"
    path.write_bytes(gzip.compress(document.encode())[:-20])
    with pytest.raises(ModelFormatError, match="unpacking it failed"):
        load_model(path)


def test_other_paths(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.json")
    with pytest.raises(ModelFormatError, match="got the folder"):
        load_model(tmp_path)


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10_000)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(ModelFormatError, match="expected at most 10000 bytes"):
        load_model(path)


def test_a_failed_write_leaves_the_old_file(small_classifier, tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    save_model(PhononGapClassifier(), path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_model(small_classifier, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.json"
    save_model(PhononGapClassifier(), path)
    before = path.read_bytes()
    # The process hangs where the new content is written but not yet in place.
    code = f"""
import os, time
from matminer_phonon_tl.models import PhononGapClassifier
def hang(handle):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = hang
PhononGapClassifier(cv=7).save({str(path)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.read_bytes() == before
    assert load_model(path).cv == 5


def test_refuses_to_write_what_it_could_not_read(tmp_path):
    with pytest.raises(TypeError, match="expected one of the models"):
        save_model({"a": 1}, tmp_path / "x.json")
    with pytest.raises(TypeError, match="which JSON cannot hold"):
        save_model(PhononGapClassifier(n_jobs={1, 2}), tmp_path / "x.json")
    with pytest.raises(TypeError, match="expected finite numbers in a model, got nan"):
        save_model(PhononGapClassifier(threshold=float("nan")), tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_many_readers_and_a_writer(tmp_path):
    """A reader sees the old file or the new one, never a part."""
    path = tmp_path / "model.json"
    save_model(PhononGapClassifier(), path)
    code = f"""
from matminer_phonon_tl.models import PhononGapClassifier
for n in range(40):
    PhononGapClassifier(cv=n + 2).save({str(path)!r})
"""
    writer = subprocess.Popen([sys.executable, "-c", code])
    seen = set()
    while writer.poll() is None:
        seen.add(load_model(path).cv)
        time.sleep(0.002)
    assert writer.returncode == 0
    assert load_model(path).cv == 41
    assert seen <= set(range(2, 42))
