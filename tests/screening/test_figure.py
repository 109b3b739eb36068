"""The figure of a screening: what it takes from the tables that go by."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.exceptions import DataWarning
from matminer_phonon_tl.figures import saving
from matminer_phonon_tl.screening import figure as module
from matminer_phonon_tl.screening import screen
from matminer_phonon_tl.screening.columns import marked
from matminer_phonon_tl.screening.figure import (
    domain_column,
    draw_first,
    formula_column,
    formulas_of,
    labels_of,
)
from matminer_phonon_tl.screening.ranking import Ranking

DOCUMENT = '{"sites": [], "lattice": {}}'


def table_of(columns, predicted):
    """Make a table as the output has it: names of columns to their values, and to their meaning."""
    fields = [
        marked(pa.field(name, pa.array(values).type), predicted.get(name), "km/s")
        for name, values in columns.items()
    ]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def drawn(figure):
    axes = figure.axes[0]
    points = axes.get_lines()[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return [
        (labels[int(y)], x) for y, x in zip(points.get_ydata(), points.get_xdata(), strict=True)
    ]


def test_a_prediction_has_its_interval_though_the_input_has_such_columns():
    names = ("speed_of_sound", "speed_of_sound_lower", "speed_of_sound_upper")
    columns = {"formula": ["BN", "BAs"], names[0]: ["1", "2"], names[1]: ["0", "0"]}
    columns |= {f"{names[0]}_predicted": [12.0, 7.0], f"{names[1]}_predicted": [11.0, 6.0]}
    columns |= {names[2]: [13.0, 8.0]}
    predicted = {f"{name}_predicted": name for name in names[:2]} | {names[2]: names[2]}
    table = table_of(columns, {"formula": "formula", **predicted})
    figure = draw_first(table, Ranking("speed_of_sound_predicted"), 2, 0.9)
    assert drawn(figure) == [("BN", 12.0), ("BAs", 7.0)]
    (lines,) = figure.axes[0].collections
    assert [tuple(each[:, 0]) for each in lines.get_segments()] == [(11.0, 13.0), (6.0, 8.0)]
    assert figure.axes[0].get_xlabel() == "speed of sound, km/s"
    # the input's own column is drawn too, without an interval
    figure = draw_first(table, Ranking("speed_of_sound"), 2, 0.9)
    assert drawn(figure) == [("BAs", 2.0), ("BN", 1.0)]
    assert not figure.axes[0].collections


@pytest.mark.parametrize(
    ("columns", "predicted", "formulas", "first"),
    [
        ({"formula": ["GaN"]}, {"formula": "formula"}, ["GaN"], "formula"),
        ({"mine": ["GaN"], "formula": ["?"]}, {"mine": "formula"}, ["GaN"], "mine"),
        ({"structure": [DOCUMENT], "formula": ["GaN"]}, {"structure": "formula"}, ["GaN"],
         "formula"),
        ({"structure": [DOCUMENT], "formula": ["Ga1N1"]},
         {"structure": "formula", "formula": "formula"}, ["Ga1N1"], "formula"),
        ({"structure": [DOCUMENT]}, {"structure": "formula"}, [""], "structure"),
        ({"gap": [1.0]}, {}, [""], "structure"),
    ],
)  # fmt: skip
def test_rows_are_named_by_formulas_and_never_by_documents(columns, predicted, formulas, first):
    table = table_of(columns, predicted)
    assert formulas_of(table) == formulas
    assert formula_column(table.schema) == first


def test_of_structure_files_the_file_is_named():
    columns = {"file": ["a/b.cif", "c.xyz"], "entry": [None, "frame 2"], "formula": ["GaN", "BN"]}
    table = table_of(columns, {"formula": "formula"})
    assert labels_of(table, formulas_of(table)) == ["GaN (b.cif)", "BN (c.xyz frame 2)"]


@pytest.mark.parametrize("top", [None, 3])
def test_a_screening_draws_its_first_rows(quick, tmp_path, monkeypatch, top):
    kept = []
    monkeypatch.setattr(module, "DRAWN", 2)
    monkeypatch.setattr(saving, "write_atomically", lambda path, _: kept.append(path))
    monkeypatch.setattr(
        module, "draw_first", lambda *arguments: kept.append(draw_first(*arguments)) or kept[-1]
    )
    formulas = ["InN", "Qq", "Mg2SiO4", "BN", "Na3AlF6", "SiO2"]
    screen(formulas, tmp_path / "x.csv", predictor=quick, plot=tmp_path / "x.png", top=top,
           chunk_rows=2, where="phonon_bandgap > 2 or error = 'x'")  # fmt: skip
    figure, path = kept
    assert path == tmp_path / "x.png"
    assert drawn(figure) == [("Na3AlF6", 10.0), ("Mg2SiO4", 7.0)]
    assert figure.axes[0].get_title() == "the highest 2 of 3 compounds"


def test_a_figure_and_a_page_of_structure_files(pretrained, tmp_path):
    (tmp_path / "crystals").mkdir()
    for symbol, length in (("Na", 5.64), ("K", 6.3)):
        crystal = Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(length), [symbol, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
        )
        crystal.to(str(tmp_path / "crystals" / f"{symbol}.cif"))
    screen(tmp_path / "crystals", tmp_path / "x.csv", predictor=pretrained, by="speed_of_sound",
           top=2, plot=tmp_path / "x.svg", html=tmp_path / "x.html")  # fmt: skip
    for name in ("x.svg", "x.html"):
        text = (tmp_path / name).read_text()
        assert text.index("(Na.cif)") < text.index("(K.cif)")
    frame = pd.read_csv(tmp_path / "x.csv")
    assert np.all(np.diff(frame["speed_of_sound"]) < 0)


def test_where_nothing_was_predicted_a_warning_says_so(quick, tmp_path):
    with pytest.warns(DataWarning, match=r"no row was predicted that could be drawn, so .*x\.png"):
        report = screen(["Qq"], tmp_path / "x.csv", predictor=quick, plot=tmp_path / "x.png")
    assert report.written == 1
    assert not (tmp_path / "x.png").exists()


def test_a_name_of_no_known_format_is_refused_before_anything_is_predicted(quick, tmp_path):
    with pytest.raises(ValueError, match=r"expected --plot as a \.png, \.svg or \.pdf file"):
        screen(["InN"], tmp_path / "x.csv", predictor=quick, plot=tmp_path / "x.jpg")
    assert quick.asked == []


def test_each_prediction_has_its_own_domain():
    names = ("debye_temperature", "speed_of_sound", "in_domain", "more_in_domain")
    columns = {"formula": ["BN"], names[0]: [1.0], names[1]: [1.0], names[2]: [True], "m": [False]}
    table = table_of(
        columns, {"formula": "formula", **dict(zip(columns, ("formula", *names), strict=True))}
    )
    assert domain_column(table.schema, "debye_temperature") == "m"
    assert domain_column(table.schema, "speed_of_sound") == "in_domain"
    assert domain_column(table.schema, None) == "in_domain"
