"""matminer knows the dataset: before and after our import, offline, read-only, damaged."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matminer import datasets as matminer_datasets
from matminer.datasets import dataset_retrieval, load_dataset

import matminer_phonon_tl
from matminer_phonon_tl.datasets.registry import register
from matminer_phonon_tl.exceptions import DatasetIntegrityError, DataWarning

SHIPPED = Path(matminer_phonon_tl.__file__).parent / "datasets/phonon_tl.json.gz"

# No socket can be opened: whatever needs the network fails at once.
OFFLINE = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = refuse
"""


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", OFFLINE + code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_load_dataset_imported_before_us(tmp_path):
    code = """
from matminer.datasets import load_dataset, get_available_datasets
get_available_datasets(None)          # fills matminer's cache
import matminer_phonon_tl
df = load_dataset("phonon_tl")
print(df.shape, df.attrs["units"]["bandgap"], type(df.structure[0]).__name__)
"""
    result = run_python(code, MATMINER_DATA=str(tmp_path / "fresh" / "folder"))
    assert result.stdout.split("\n")[-2] == "(1245, 16) eV Structure", result.stderr
    assert not (tmp_path / "fresh").exists()


def test_a_read_only_data_folder_is_enough(tmp_path):
    tmp_path.chmod(0o555)
    code = (
        "import matminer_phonon_tl, matminer.datasets as d; print(len(d.load_dataset('phonon_tl')))"
    )
    assert run_python(code, MATMINER_DATA=str(tmp_path)).stdout == "1245\n"
    assert list(tmp_path.iterdir()) == []


def test_all_helpers_know_it(capsys):
    assert "phonon_tl" in matminer_datasets.get_available_datasets(None)
    assert "phonon_tl" in matminer_datasets.get_available_datasets(None, "num_entries")
    matminer_datasets.get_available_datasets("long")
    assert "Dataset: phonon_tl" in capsys.readouterr().out
    info = matminer_datasets.get_all_dataset_info("phonon_tl")
    assert "Num Entries: 1245" in info
    assert "\tphonon_bandgap: Target variable." in info
    assert len(matminer_datasets.get_dataset_citations("phonon_tl")) == 3
    assert matminer_datasets.get_dataset_num_entries("phonon_tl") == 1245
    assert "eabd1356" in matminer_datasets.get_dataset_reference("phonon_tl")
    assert "1245" in matminer_datasets.get_dataset_description("phonon_tl")
    assert "speed_of_sound" in matminer_datasets.get_dataset_columns("phonon_tl")
    assert "km/s" in matminer_datasets.get_dataset_column_description("phonon_tl", "speed_of_sound")
    assert matminer_datasets.get_dataset_attribute("phonon_tl", "file_type") == "json.gz"


def test_both_loaders_give_the_same(phonon_tl):
    frame = load_dataset("phonon_tl", download_if_missing=False)
    pd.testing.assert_frame_equal(frame, phonon_tl)
    assert frame.attrs == phonon_tl.attrs


def test_a_copy_in_the_data_folder_is_read_and_checked(tmp_path):
    copy = tmp_path / SHIPPED.name
    copy.write_bytes(SHIPPED.read_bytes())
    assert len(load_dataset("phonon_tl", data_home=str(tmp_path))) == 1245
    copy.write_bytes(SHIPPED.read_bytes()[:-1])
    with pytest.raises(DatasetIntegrityError, match="delete it, and the copy shipped"):
        load_dataset("phonon_tl", data_home=str(tmp_path))
    copy.unlink()
    assert len(load_dataset("phonon_tl", data_home=str(tmp_path))) == 1245


def test_matminers_own_datasets_are_as_before(tmp_path):
    ours = set(matminer_datasets.get_available_datasets(None))
    ours -= {"phonon_tl", "phonondb_kyoto"}
    code = "from matminer.datasets import get_available_datasets as g; print(len(g(None)))"
    assert int(run_python(code).stdout) == len(ours)
    with pytest.raises(OSError, match="Data not found and download_if_missing set to False"):
        load_dataset("matbench_steels", data_home=str(tmp_path), download_if_missing=False)
    # A set of matminer's own, small enough to write here, still goes matminer's way.
    frame = pd.DataFrame({"composition": ["Fe"], "yield strength": [1.0]})
    from matminer.utils.io import store_dataframe_as_json

    store_dataframe_as_json(frame, str(tmp_path / "matbench_steels.json.gz"), "gz", pbar=False)
    pd.testing.assert_frame_equal(load_dataset("matbench_steels", str(tmp_path)), frame)
    with pytest.raises(ValueError, match="Unrecognized dataset name: phonon_t"):
        load_dataset("phonon_t")


def test_registering_twice_changes_nothing():
    before = {name: getattr(dataset_retrieval, name) for name in ("_validate_dataset",)}
    register()
    assert all(getattr(dataset_retrieval, name) is value for name, value in before.items())


def test_a_matminer_without_the_helpers_is_met_with_a_warning(monkeypatch, phonon_tl):
    monkeypatch.delattr(dataset_retrieval, "_validate_dataset")
    with pytest.warns(DataWarning, match="use matminer_phonon_tl.datasets.load_dataset instead"):
        register()
    assert len(matminer_phonon_tl.load_dataset()) == len(phonon_tl)


def test_the_cache_may_be_emptied(monkeypatch):
    monkeypatch.setattr(dataset_retrieval, "_dataset_dict", None)
    assert matminer_datasets.get_dataset_num_entries("phonon_tl") == 1245
