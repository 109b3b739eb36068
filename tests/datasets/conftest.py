"""Raw documents of the kinds that sources read, made from model crystals."""

import json

import numpy as np
import pytest
from pymatgen.io.cif import CifWriter

from matminer_phonon_tl.phonons import debye_dos, diatomic_chain
from matminer_phonon_tl.units import THZ_TO_CM1


def petretto_document(material_id="mp-1", species=("Ga", "N"), spring=60.0, **changes):
    """Return a chain as a raw document: cm-1, [q][branch], the structure as a CIF."""
    chain = diatomic_chain(species, springs=(spring,) * 3)
    dos = debye_dos(cutoff=float(chain.bands.max()), n_atoms=2, n_points=301)
    document = {
        "metadata": {
            "material_id": material_id,
            "structure": str(CifWriter(chain.structure)),
            "formula": "GaN",
        },
        "phonon": {
            "qpts": [q.frac_coords.tolist() for q in chain.qpoints],
            "ph_bandstructure": (THZ_TO_CM1 * chain.bands.T).tolist(),
            "ph_dos": (dos.densities / THZ_TO_CM1).tolist(),
            "dos_frequencies": (THZ_TO_CM1 * dos.frequencies).tolist(),
        },
        "flags": {"has_neg_fr": False},
        "dielectric": {"becs": np.zeros((2, 3, 3)).tolist()},
    }
    for path, value in changes.items():
        part, name = path.split("__")
        document[part][name] = value
    return document


@pytest.fixture
def raw():
    """Return the function that makes raw documents."""
    return petretto_document


@pytest.fixture
def archive(tmp_path):
    """Folder of six documents: three good ones, an unstable, a corrupt and a doubled one."""
    folder = tmp_path / "raw"
    folder.mkdir()
    soft = petretto_document("mp-4")
    for branches in soft["phonon"]["ph_bandstructure"][20:]:
        branches[0] = -80.0
    documents = {
        "mp-1.json": petretto_document("mp-1"),
        "mp-2.json": petretto_document("mp-2", ("Rb", "I"), 20.0),
        "mp-3.json": petretto_document("mp-3", ("Al", "As"), 50.0),
        "mp-4.json": soft,
        "mp-5.json": "{",
        "mp-6.json": petretto_document("mp-1"),
    }
    for name, document in documents.items():
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / name).write_text(text)
    return folder
