"""From input to output, whole: rows, columns, resuming, and what is refused."""

import json
import os
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.models.predictor import COLUMNS
from matminer_phonon_tl.screening import screen, store
from matminer_phonon_tl.screening.output import METADATA_KEY
from matminer_phonon_tl.screening.settings import NEGLIGIBLE


@pytest.fixture
def table(formulas):
    return pd.DataFrame({"id": [f"{n:03d}" for n in range(len(formulas))], "formula": formulas})


def test_the_output_is_the_input_and_what_predict_gives(pretrained, table, tmp_path):
    table.to_csv(tmp_path / "in.csv", index=False)
    report = screen(
        tmp_path / "in.csv", tmp_path / "out.parquet", predictor=pretrained, chunk_rows=50
    )
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert list(frame.columns) == ["id", *COLUMNS]
    assert (report.rows, report.failed, report.written) == (len(table), 5, len(table))
    assert [each.name for each in tmp_path.glob("out*")] == ["out.parquet"]
    assert frame["id"].tolist() == table["id"].tolist()
    expected = pretrained.predict(table["formula"], negligible=NEGLIGIBLE)
    for name in COLUMNS:
        if pd.api.types.is_float_dtype(expected[name].dtype):
            np.testing.assert_allclose(frame[name], expected[name], rtol=1e-9)
    assert frame["error"].fillna("").tolist() == expected["error"].fillna("").tolist()
    assert frame["has_phonon_bandgap"].tolist() == [
        None if value is pd.NA else value for value in expected["has_phonon_bandgap"]
    ]
    metadata = json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[METADATA_KEY.encode()])
    assert len(metadata["model_sha256"]) == 64
    assert metadata["versions"]["numpy"] == np.__version__
    assert metadata["level"] == 0.9


def test_rows_that_are_asked_for(quick, tmp_path):
    frame = pd.DataFrame({"formula": ["Fe2O3", "InN", "Qq", "BAs", "Al2O3", "SiO2"]})
    report = screen(
        frame, tmp_path / "out.csv", predictor=quick, columns=["formula", "phonon_bandgap"],
        where="phonon_bandgap < 5 or error != ''", top=2, by="phonon_bandgap", chunk_rows=2,
    )  # fmt: skip
    assert (tmp_path / "out.csv").read_text() == "formula,phonon_bandgap\nSiO2,3.0\nInN,2.0\n"
    assert (report.rows, report.failed, report.written) == (6, 1, 2)
    assert str(report).startswith("6 rows screened (")
    assert "1 of them with an error, see the column error" in str(report)


def test_standard_output(quick, capfdbinary):
    screen(iter(["InN", "Qq", "BAs"]), "-", predictor=quick, chunk_rows=2, conditional=True)
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert lines[0] == "formula,has_phonon_bandgap,phonon_bandgap,error"
    assert lines[1] == "InN,False,4.0,"
    assert lines[2].startswith("Qq,,,")
    assert len(lines) == 4


class StopError(Exception):
    """Something went wrong in the middle."""


def stop_after(n_chunks, monkeypatch):
    add = store.ChunkStore.add

    def add_or_stop(self, number, *arguments):
        if number >= n_chunks:
            raise StopError
        return add(self, number, *arguments)

    monkeypatch.setattr(store.ChunkStore, "add", add_or_stop)


@pytest.fixture
def stopped(quick, tmp_path, monkeypatch):
    """Return how to call a run that was stopped after three chunks of ten."""
    formulas = [f"In{n}N" for n in range(1, 101)]
    arguments = {"predictor": quick, "chunk_rows": 10, "n_jobs": 1}
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        with pytest.raises(StopError):
            screen(formulas, tmp_path / "out.csv", **arguments)
    assert not (tmp_path / "out.csv").exists()
    return formulas, tmp_path / "out.csv", arguments


def test_resume_does_only_what_is_left(stopped, quick):
    formulas, output, arguments = stopped
    quick.asked.clear()
    report = screen(formulas, output, resume=True, **arguments)
    assert quick.asked == ["InN", *formulas[30:]]  # the first tells the columns
    assert (report.rows, report.resumed) == (100, 30)
    assert "30 of them by the run before this" in str(report)
    resumed = output.read_text()
    screen(formulas, output, **arguments)
    assert output.read_text() == resumed
    assert not output.with_name("out.csv.parts").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "found one of 3 chunks: go on with it with --resume, or delete the folder"),
        ({"resume": True, "level": 0.5}, "got one that differs in options; choose another output"),
        ({"resume": True, "where": "phonon_bandgap > 3"}, "differs in options"),
        ({"resume": True, "model": True}, "got one that differs in model; choose another output"),
        ({"resume": True, "formulas": 5}, "got one that differs in chunk 0: give that input"),
        ({"resume": True, "formulas": 20}, "got one that ends in chunk 2: give that input"),
    ],
)
def test_another_run_is_refused_and_nothing_is_lost(stopped, quick, change, sentence):
    formulas, output, arguments = stopped
    change = dict(change)
    if change.pop("model", None):
        quick.as_dict = lambda: {"@class": "Other"}
    n_formulas = change.pop("formulas", None)
    other = formulas if n_formulas is None else formulas[:n_formulas]
    with pytest.raises(ScreeningError, match=sentence):
        screen(other, output, **{**arguments, **change})
    quick.as_dict = lambda: {"@class": "QuickPredictor"}
    assert screen(formulas, output, resume=True, **arguments).resumed == 30


def test_another_version_of_the_package_is_refused(stopped, monkeypatch):
    formulas, output, arguments = stopped
    monkeypatch.setattr(sys.modules[screen.__module__], "__version__", "999.0")
    with pytest.raises(ScreeningError, match="got one that differs in version; choose another"):
        screen(formulas, output, resume=True, **arguments)


def test_another_file_is_refused(quick, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("formula\n" + "InN\n" * 10)
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(StopError):
            screen(tmp_path / "in.csv", tmp_path / "o.csv", predictor=quick, chunk_rows=5)
    (tmp_path / "in.csv").write_text("formula\n" + "InN\n" * 9 + "BAs\n")
    with pytest.raises(ScreeningError, match="got one that differs in input"):
        screen(tmp_path / "in.csv", tmp_path / "o.csv", predictor=quick, chunk_rows=5, resume=True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"top": 0}, "expected top as a whole number in 1-10000000, got 0"),
        ({"n_jobs": -1}, "expected n_jobs as a whole number in 1-1024, got -1"),
        ({"where": "gap >"}, "expected a column, a number"),
        ({"where": "gpa > 1"}, "expected --where to name columns"),
        ({"columns": "formula"}, "expected columns as a list of one name or more"),
        (
            {"formula": "name"},
            "expected a column 'name' in the DataFrame, got the columns 'formula'",
        ),
        ({"top": 3, "by": "x"}, "expected --by to name columns"),
        ({"output": "-", "resume": True}, "expected an output file with resume"),
    ],
)
def test_refused_before_any_work(quick, tmp_path, options, sentence):
    output = options.pop("output", tmp_path / "out.csv")
    with pytest.raises(ScreeningError, match=sentence):
        screen(pd.DataFrame({"formula": ["BAs"]}), output, predictor=quick, **options)
    assert "BAs" not in quick.asked


def test_a_table_without_rows(quick, tmp_path):
    (tmp_path / "in.csv").write_text("id,formula\n")
    report = screen(tmp_path / "in.csv", tmp_path / "out.csv", predictor=quick)
    assert report.rows == 0
    assert (
        tmp_path / "out.csv"
    ).read_text() == "id,formula,has_phonon_bandgap,phonon_bandgap,error\n"


def test_a_result_can_be_screened_again_with_a_page(pretrained, tmp_path):
    """Its columns are the input's own then, and of text: none is taken for the new predictions."""
    screen(["BAs", "GaN", "InN"], tmp_path / "one.csv", predictor=pretrained)
    report = screen(
        tmp_path / "one.csv",
        tmp_path / "two.parquet",
        predictor=pretrained,
        html=tmp_path / "two.html",
        top=2,
    )
    assert report.written == 2
    frame = pd.read_parquet(tmp_path / "two.parquet")
    assert frame["phonon_bandgap_predicted"].is_monotonic_decreasing
    assert frame["phonon_bandgap"].map(type).eq(str).all()
    schema = pq.read_schema(tmp_path / "two.parquet")
    assert schema.field("phonon_bandgap_predicted").metadata[b"unit"] == b"cm-1"
    assert b"unit" not in (schema.field("phonon_bandgap").metadata or {})
    assert "Ranked by phonon bandgap predicted, highest" in (tmp_path / "two.html").read_text()


def test_a_page_of_columns_of_every_kind(quick, tmp_path):
    table = pa.table(
        {
            "formula": ["InN", "BAs"],
            "list": [[1], [2]],
            "struct": [{"a": 1}, {"a": 2}],
            "bytes": [b"\xff", b"a"],
            "kind": pa.array(["u", "u"]).dictionary_encode(),
            "@random": [1, 2],
            "code": ["007", "008"],
            "small": [1.2e-8, 1.0],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    page = tmp_path / "o.html"
    report = screen(tmp_path / "in.parquet", tmp_path / "o.csv", predictor=quick, html=page)
    assert report.written == 2
    assert '"007"' in page.read_text()
    assert "0.000000012" in page.read_text().replace("1.2e-08", "0.000000012")


def test_a_file_whose_name_is_no_text(quick, tmp_path):
    (tmp_path / "\udcff.csv").write_text("formula\nInN\n")
    page = tmp_path / "o.html"
    screen(tmp_path / "\udcff.csv", tmp_path / "o.csv", predictor=quick, html=page)
    assert "\\udcff.csv" in page.read_text()
    (tmp_path / "\udcff.parquet").write_bytes(b"PAR1")
    with pytest.raises(ScreeningError, match="to be readable to its end, but that failed"):
        screen(tmp_path / "\udcff.parquet", tmp_path / "o.csv", predictor=quick)


def test_ranking_by_what_holds_no_number_is_said(quick, tmp_path):
    frame = pd.DataFrame({"formula": ["InN", "BAs"], "note": ["a", "b"]})
    with pytest.warns(DataWarning, match="not one value of the column 'note' is a number"):
        screen(frame, tmp_path / "o.csv", predictor=quick, top=1, by="note")


def test_a_missing_formula_begins_no_end(quick, tmp_path):
    report = screen([None, "GaN", "\ud800"], tmp_path / "o.csv", predictor=quick)
    assert (report.rows, report.failed) == (3, 2)


def test_the_error_of_a_source_is_its_own(quick, tmp_path):
    def rows():
        yield "InN"
        raise FileNotFoundError("no such tape")

    with pytest.raises(ScreeningError, match="expected an iterator to be readable to its end, but"):
        screen(rows(), tmp_path / "o.csv", predictor=quick)


def test_standard_output_stays_open_after_a_failure(quick, capfd):
    def rows():
        yield "InN"
        raise FileNotFoundError("no such tape")

    with pytest.raises(ScreeningError):
        screen(rows(), "-", predictor=quick, chunk_rows=1)
    sys.stdout.write("still here\n")
    assert "still here" in capfd.readouterr().out


def test_a_mistyped_option_does_not_stand_in_the_way(quick, tmp_path):
    with pytest.raises(ScreeningError, match="expected --where to name columns"):
        screen(["InN"], tmp_path / "o.csv", predictor=quick, where="gap > 1")
    assert screen(["InN"], tmp_path / "o.csv", predictor=quick, where="phonon_bandgap > 1").written


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes of a name here")
def test_a_pipe_is_no_file(quick, tmp_path):
    os.mkfifo(tmp_path / "in.csv")
    with pytest.raises(ScreeningError, match=r"in\.csv, which is a pipe or a device: give it as"):
        screen(tmp_path / "in.csv", tmp_path / "o.csv", predictor=quick)
