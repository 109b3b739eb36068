"""What works without optional packages and without torch, and what a missing one is said to be.

Each case runs in a process of its own in which importing the package fails, as it does where it is
not installed. ``tests/environments/run.sh`` does the same in environments that lack them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

BLOCKED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocked())
"""
EVERYTHING_OPTIONAL = "torch,dask,distributed,mp_api,emmet,xenonpy,phonopy,ase,shap,mapie,openpyxl"
WITHOUT_ANY = """
import matminer_phonon_tl
from matminer.datasets import load_dataset
from matminer_phonon_tl import XenonPyDescriptors
from matminer_phonon_tl.models import PhononPredictor, TransferMLPRegressor

df = load_dataset("phonon_tl")
assert len(df) == 1245
assert XenonPyDescriptors().featurize_dataframe(df.head(2), "composition").shape[0] == 2
row = PhononPredictor.from_pretrained().predict(["InN"]).iloc[0]
assert row["has_phonon_bandgap"], row
TransferMLPRegressor()
assert not BLOCKED & set(sys.modules)
print("works")
"""
PIP, IN_CLONE = "pip install -c constraints.txt", "in the folder of the clone"
"""README's own command."""
CASES = {
    "torch": (
        "torch",
        (
            "from matminer_phonon_tl.models import TransferMLPRegressor\n"
            "TransferMLPRegressor(source=None).fit(['GaN', 'InN', 'AlN', 'BN'] * 5, range(20))"
        ),
        "pip install torch",
    ),
    "dask": (
        "dask,distributed",
        (
            "from matminer_phonon_tl.screening import screen\n"
            "screen(['InN'], sys.argv[2] + '/out.csv', client='tcp://127.0.0.1:1')"
        ),
        f'{PIP} ".[dask]" {IN_CLONE}',
    ),
    "mp-api": (
        "mp_api",
        (
            "from matminer_phonon_tl.datasets.sources import MaterialsProjectSource\n"
            "list(MaterialsProjectSource(['mp-830'], api_key='0' * 32).entries())"
        ),
        f'{PIP} ".[mp]" {IN_CLONE}',
    ),
    "xenonpy": (
        "xenonpy",
        (
            "from matminer_phonon_tl import XenonPyDescriptors\n"
            "XenonPyDescriptors(backend='xenonpy').featurize('GaN')"
        ),
        "use backend='native'",
    ),
    "phonopy": (
        "phonopy",
        (
            "from matminer_phonon_tl.phonons.model_crystals import zincblende_springs\n"
            "zincblende_springs()"
        ),
        f'{PIP} ".[phonopy]" {IN_CLONE}',
    ),
    "phonopy, by path": (
        "phonopy",
        (
            "from matminer_phonon_tl import phonon_properties\n"
            "phonon_properties('tests/files/GaN_springs')"
        ),
        f'{PIP} ".[phonopy]" {IN_CLONE}',
    ),
    "openpyxl": (
        "openpyxl",
        (
            "from pathlib import Path\n"
            "from matminer_phonon_tl.cli.tables import check_table_path\n"
            "check_table_path(Path('x.xlsx'))"
        ),
        f'{PIP} ".[xlsx]" {IN_CLONE}',
    ),
    "ase": (
        "ase",
        (
            "from pymatgen.core import Lattice, Structure\n"
            "from matminer_phonon_tl.featurizers import PotentialPhonons\n"
            "structure = Structure(Lattice.cubic(3.6), ['Cu'], [[0, 0, 0]])\n"
            "PotentialPhonons(None).featurize(structure)"
        ),
        f'{PIP} ".[potential]" {IN_CLONE}',
    ),
    "shap": (
        "shap",
        (
            "from matminer_phonon_tl.models import PhononPredictor, explain\n"
            "model = PhononPredictor.from_pretrained().regressors_['heat_capacity']\n"
            "explain(model, ['InN'], ['GaN', 'AlN'])"
        ),
        f'{PIP} ".[explain]" {IN_CLONE}',
    ),
}


def run(code, blocked, folder):
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, blocked, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_loading_featurizing_and_predicting_need_none_of_them(tmp_path):
    done = run(WITHOUT_ANY, EVERYTHING_OPTIONAL, tmp_path)
    assert done.stdout == "works\n", done.stderr


@pytest.mark.parametrize("case", CASES)
def test_a_missing_package_says_what_to_install(case, tmp_path):
    blocked, code, advice = CASES[case]
    last = run(code, blocked, tmp_path).stderr.strip().splitlines()[-1]
    assert last.startswith("matminer_phonon_tl.exceptions.MissingExtraError: expected ")
    assert last.endswith(advice)


def test_readme_names_the_command_that_errors_name():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert f'{PIP} ".[explain]"' in readme
