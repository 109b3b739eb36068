import numpy as np
import pytest

from matminer_phonon_tl import load_phonondb_kyoto
from matminer_phonon_tl.models.source_tasks import load_source


def test_named_sources(phonon_tl):
    gaps = load_source("bandgap")
    assert list(gaps.columns) == ["composition", "bandgap"]
    assert len(gaps) == 1245
    tasks = load_source("multitask")
    assert not tasks.index.isin(phonon_tl.index[phonon_tl["has_phonon_bandgap"]]).any()
    assert len(tasks) == 1121
    assert tasks.notna().all().all()


def test_kyoto_holds_the_stable_materials_with_their_labels_as_they_are():
    table, kyoto = load_source("kyoto"), load_phonondb_kyoto()
    assert table.index.equals(kyoto.index)
    for column in table.columns.drop("composition"):
        assert np.array_equal(table[column], kyoto[column], equal_nan=True)
        assert table[column].notna().mean() > 0.7
    assert table["largest_gap"].notna().all()  # so each row tells something
    signed = table["optical_bottom"] - table["acoustic_top"]
    assert 0 < (signed > 0).sum() < 300
    assert (signed < 0).sum() > 5000
    assert 1000 < table["speed_transverse"].isna().sum() < 2000


def test_named_sources_are_copies():
    load_source("bandgap")["bandgap"] = 0.0
    assert load_source("bandgap")["bandgap"].max() > 1.0


def test_unknown_name():
    names = "one of 'bandgap', 'multitask', 'kyoto', None, a DataFrame, the path of a table or "
    with pytest.raises(ValueError, match=rf"{names}.*'x'"):
        load_source("x")
