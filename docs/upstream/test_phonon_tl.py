"""For the class MatminerDatasetsTest of matminer/tests/datasets/test_datasets.py."""

from pymatgen.core.structure import Composition, Structure

from .test_datasets import DataSetsTest


class PhononTLTest(DataSetsTest):
    def test_phonon_tl(self):
        object_headers = [
            "material_id",
            "formula",
            "composition",
            "structure",
            "lattice_system",
            "paper_split",
        ]

        numeric_headers = [
            "nsites",
            "volume",
            "space_group",
            "formation_energy_per_atom",
            "bandgap",
            "phonon_bandgap",
            "speed_of_sound",
            "heat_capacity",
            "heat_capacity_per_atom",
        ]

        bool_headers = ["has_phonon_bandgap"]

        def _unique_tests(df):
            self.assertIsInstance(df["structure"][0], Structure)
            self.assertIsInstance(df["composition"][0], Composition)
            self.assertEqual(df["has_phonon_bandgap"].sum(), 124)

        self.universal_dataset_check(
            "phonon_tl",
            object_headers,
            numeric_headers,
            bool_headers,
            test_func=_unique_tests,
        )
