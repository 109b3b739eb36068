"""A crystal gets one answer, whatever the door: file, folder, JSON, table, DataFrame.

Found by first users: ``screen`` asked the model of compositions about structures without a word,
and JSON came in the conventional cell, so that CoSb3 was Co8Sb24 with another answer.
"""

import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.screening import screen

ANSWERS = ["has_gap_probability", "phonon_bandgap", "speed_of_sound", "heat_capacity"]


@pytest.fixture(scope="module")
def skutterudite():
    """CoSb3 in its conventional cell of 32 atoms (Schmidt et al., Acta Cryst. B43, 470 (1987)).

    Its primitive cell, half of that because the lattice is centred, is Co4Sb12.
    """
    return Structure.from_spacegroup(
        "Im-3", Lattice.cubic(9.0385), ["Co", "Sb"], [[0.25] * 3, [0, 0.33537, 0.15788]]
    )


@pytest.fixture(scope="module")
def nitride():
    """Zincblende InN in its conventional cell of eight atoms; the primitive one has two."""
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(4.98), ["In", "N"], [[0] * 3, [0.25] * 3]
    )


@pytest.fixture(scope="module")
def expected(skutterudite, nitride, load_shipped):
    """What the model of structures says of the two primitive cells."""
    cells = [crystal.get_primitive_structure() for crystal in (skutterudite, nitride)]
    frame = load_shipped(structure=True).predict(cells)
    assert frame["formula"].tolist() == ["Co4Sb12", "InN"]
    return frame[ANSWERS].to_numpy(dtype=float)


def without_empty(value):
    """Drop what Parquet cannot keep: structs without members."""
    if isinstance(value, dict):
        return {key: without_empty(member) for key, member in value.items() if member != {}}
    return [without_empty(member) for member in value] if isinstance(value, list) else value


def frame_of(crystals):
    return pd.DataFrame({"id": ["a", "b"], "formula": ["CoSb3", "InN"], "structure": crystals})


def write_records(path, crystals, change=lambda document: document):
    records = frame_of([change(crystal.as_dict()) for crystal in crystals]).to_dict("records")
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif path.suffix == ".csv":
        pd.DataFrame(records).to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, records)))
    else:
        path.write_text(json.dumps(records))
    return path


def folder(path, crystals):
    (path / "deep" / "er").mkdir(parents=True)
    crystals[0].to(str(path / "1.cif"))
    crystals[1].to(str(path / "deep" / "er" / "relaxed"), fmt="poscar")
    return path


def folder_of_json(path, crystals):
    path.mkdir()
    crystals[0].to(str(path / "1.json"))
    entry = {"material_id": "mp-1", "structure": crystals[1].as_dict()}  # as databases give it
    (path / "2.json.gz").write_bytes(gzip.compress(json.dumps(entry).encode()))
    return path


def blocks(path, crystals):
    content = "".join(crystal.to(fmt="cif") for crystal in crystals).encode()
    path.write_bytes(lzma.compress(content))
    return path


def document(path, crystals, form):
    first, second = (crystal.as_dict() for crystal in crystals)
    content = {
        "list": [first, second],
        "by name": {"mp-1": first, "mp-2": {"structure": second}},
        "matminer": {"index": [0, 1], "columns": ["structure"], "data": [[first], [second]]},
        "pandas": {"structure": {"0": first, "1": second}, "id": {"0": 1, "1": 2}},
        "text in a cell": [{"structure": json.dumps(first)}, {"structure": json.dumps(second)}],
    }[form]
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return path


def frames(path, crystals):
    """Extended XYZ as trajectories and training sets of potentials have it."""
    lines = []
    for crystal in crystals:
        lattice = " ".join(map(str, crystal.lattice.matrix.ravel()))
        lines += [
            str(len(crystal)),
            f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 energy=-1',
        ]
        lines += [f"{site.species_string} {' '.join(map(str, site.coords))}" for site in crystal]
    path.write_text("\n".join(lines) + "\n")
    return path


DOORS = {
    "folder": lambda path, crystals: folder(path / "folder", crystals),
    "folder of JSON": lambda path, crystals: folder_of_json(path / "folder", crystals),
    "blocks of a CIF": lambda path, crystals: blocks(path / "two.cif.xz", crystals),
    "extended XYZ": lambda path, crystals: frames(path / "all.extxyz", crystals),
    "JSON list": lambda path, crystals: document(path / "x.json.gz", crystals, "list"),
    "JSON by name": lambda path, crystals: document(path / "x.json.gz", crystals, "by name"),
    "matminer's JSON": lambda path, crystals: document(path / "x.json.gz", crystals, "matminer"),
    "pandas' JSON": lambda path, crystals: document(path / "x.json.gz", crystals, "pandas"),
    "JSON in JSON": lambda path, crystals: document(path / "x.json.gz", crystals, "text in a cell"),
    "JSON lines": lambda path, crystals: write_records(path / "x.jsonl", crystals),
    "CSV": lambda path, crystals: write_records(path / "x.csv", crystals, json.dumps),
    "Parquet of texts": lambda path, crystals: write_records(
        path / "x.parquet", crystals, json.dumps
    ),
    "Parquet of structs": lambda path, crystals: write_records(
        path / "x.parquet", crystals, without_empty
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_predict_and_screen_agree_at_every_door(
    command, tmp_path, skutterudite, nitride, expected, door
):
    path = DOORS[door](tmp_path, [skutterudite, nitride])
    code, out, err = command("predict", "--json", path)
    assert code == 0, err
    predicted = pd.DataFrame(json.loads(out))
    code, _, err = command("screen", path, "out.parquet")
    assert code == 0, err
    screened = pd.read_parquet("out.parquet")
    for frame in (predicted, screened):
        assert frame["based_on"].tolist() == ["structure", "structure"]
        found = frame[ANSWERS].to_numpy(dtype=float)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_python_agrees_too(skutterudite, nitride, expected, tmp_path):
    crystals = [skutterudite, nitride]
    shipped, asked = (
        ShippedPredictors(),
        [
            frame_of(crystals),
            frame_of([crystal.as_dict() for crystal in crystals]),
            pd.Series(crystals),
            [json.dumps(crystal.as_dict()) for crystal in crystals],
            [crystals[0].to(fmt="cif"), crystals[1].to(fmt="poscar")],
        ],
    )
    for X in asked:
        found = shipped.predict(X)
        np.testing.assert_allclose(found[ANSWERS].to_numpy(dtype=float), expected, rtol=1e-5)
        screen(X, tmp_path / "o.parquet")
        found = pd.read_parquet(tmp_path / "o.parquet")
        np.testing.assert_allclose(found[ANSWERS].to_numpy(dtype=float), expected, rtol=1e-5)


def test_a_crystals_answer_does_not_depend_on_what_stands_beside_it(
    command, tmp_path, nitride, expected
):
    """A file beside a formula used to be read as its composition."""
    nitride.to(str(tmp_path / "InN.cif"))
    code, out, _ = command("predict", "--json", "InN", "InN.cif", "Qq")
    assert code == 1
    formula, crystal, wrong = json.loads(out)
    assert [formula["based_on"], crystal["based_on"]] == ["composition", "structure"]
    np.testing.assert_allclose([crystal[name] for name in ANSWERS], expected[1], rtol=1e-5)
    assert formula["speed_of_sound"] != pytest.approx(crystal["speed_of_sound"], rel=1e-3)
    assert "got 'Qq'" in wrong["error"]


def test_rows_without_a_structure_are_predicted_from_their_formula(
    tmp_path, skutterudite, expected, load_shipped
):
    frame = frame_of([skutterudite, None])
    screen(frame, tmp_path / "o.parquet")
    found = pd.read_parquet(tmp_path / "o.parquet")
    assert found["based_on"].tolist() == ["structure", "composition"]
    np.testing.assert_allclose(found[ANSWERS].to_numpy(dtype=float)[0], expected[0], rtol=1e-5)
    (of_formula,) = load_shipped().predict(["InN"], negligible=0.2)["speed_of_sound"]
    assert found["speed_of_sound"][1] == pytest.approx(of_formula)


@pytest.mark.parametrize("model", ["predictor.json.gz", "predictor_structure.json.gz"])
def test_every_command_takes_the_names_that_info_takes(command, tmp_path, nitride, model):
    nitride.to(str(tmp_path / "POSCAR"), fmt="poscar")
    assert command("info", model)[0] == 0
    _, out, _ = command("predict", "--json", "--model", model, "POSCAR")
    (predicted,) = json.loads(out)
    assert predicted["based_on"] == ("structure" if "structure" in model else "composition")
    assert command("screen", "POSCAR", "o.parquet", "--model", model)[0] == 0
    screened = pd.read_parquet("o.parquet")
    assert screened["based_on"].tolist() == [predicted["based_on"]]
    assert screened["speed_of_sound"][0] == pytest.approx(predicted["speed_of_sound"])


def test_a_file_in_the_folder_goes_before_a_shipped_name(command, tmp_path):
    (tmp_path / "predictor.json.gz").write_text("{}")
    code, _, err = command("predict", "InN", "--model", "predictor.json.gz")
    assert code == 2
    assert "expected a model with params" in err


def test_the_structure_predictor_refuses_formulas_row_by_row(tmp_path, nitride, load_shipped):
    predictor = load_shipped(structure=True)
    screen([nitride, "InN"], tmp_path / "o.parquet", predictor=predictor)
    found = pd.read_parquet(tmp_path / "o.parquet")
    assert found["error"][0] is None
    assert "expected a Structure, which this predictor needs, got str" in found["error"][1]
    assert isinstance(predictor, PhononPredictor)


def test_a_folder_goes_on_where_it_was_stopped(tmp_path, nitride, monkeypatch):
    from matminer_phonon_tl.exceptions import ScreeningError
    from matminer_phonon_tl.screening.store import ChunkStore

    (tmp_path / "in").mkdir()
    for number in range(4):
        cell = nitride.get_primitive_structure().scale_lattice(30.0 + number)
        cell.to(str(tmp_path / "in" / f"POSCAR_{number}"), fmt="poscar")
    add = ChunkStore.add

    def stop(self, number, *arguments):
        if number == 1:
            raise KeyboardInterrupt
        return add(self, number, *arguments)

    options = {"chunk_rows": 2, "n_jobs": 1}
    with monkeypatch.context() as patch:
        patch.setattr(ChunkStore, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            screen(tmp_path / "in", tmp_path / "o.parquet", **options)
    report = screen(tmp_path / "in", tmp_path / "o.parquet", resume=True, **options)
    assert (report.rows, report.resumed) == (4, 2)
    screen(tmp_path / "in", tmp_path / "whole.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "o.parquet"), pd.read_parquet(tmp_path / "whole.parquet")
    )
    with monkeypatch.context() as patch:
        patch.setattr(ChunkStore, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            screen(tmp_path / "in", tmp_path / "again.parquet", **options)
    # Another crystal under the same name, or the same under another name, is another input.
    (tmp_path / "in" / "POSCAR_3").rename(tmp_path / "in" / "POSCAR_4")
    with pytest.raises(ScreeningError, match="got one that differs in input"):
        screen(tmp_path / "in", tmp_path / "again.parquet", resume=True, **options)


def test_dask_gives_the_same_of_structures(cluster, tmp_path, skutterudite, nitride):
    path = folder(tmp_path / "in", [skutterudite, nitride])
    (path / "broken.cif").write_text("data_x\n_cell_length_a 3\n")
    screen(path, tmp_path / "alone.parquet", chunk_rows=1)
    screen(path, tmp_path / "cluster.parquet", chunk_rows=1, client=cluster)
    alone, together = (pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("alone", "cluster"))
    pd.testing.assert_frame_equal(together, alone, check_exact=True)
    assert alone["error"].notna().tolist() == [False, True, False]
