import pytest

from matminer_phonon_tl.models.source_tasks import load_source


def test_named_sources(phonon_tl):
    gaps = load_source("bandgap")
    assert list(gaps.columns) == ["composition", "bandgap"]
    assert len(gaps) == 1245
    tasks = load_source("multitask")
    assert not tasks.index.isin(phonon_tl.index[phonon_tl["has_phonon_bandgap"]]).any()
    assert len(tasks) == 1121
    assert tasks.notna().all().all()


def test_named_sources_are_copies():
    load_source("bandgap")["bandgap"] = 0.0
    assert load_source("bandgap")["bandgap"].max() > 1.0


def test_unknown_name():
    with pytest.raises(
        ValueError,
        match=r"one of 'bandgap', 'multitask', None, a DataFrame, the path of a table or .*'x'",
    ):
        load_source("x")
