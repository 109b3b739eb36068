"""For matminer/tests/featurizers/composition/test_xenonpy.py."""

import unittest

import numpy as np
import pandas as pd
from matminer.featurizers.base import MultipleFeaturizer
from matminer.featurizers.composition.element import ElementFraction
from matminer.featurizers.composition.xenonpy import XenonPyElementProperty
from pymatgen.core import Composition


class XenonPyElementPropertyTest(unittest.TestCase):
    def setUp(self):
        self.df = pd.DataFrame({"composition": [Composition("Fe2O3"), Composition("In2N2")]})

    def test_features(self):
        df = XenonPyElementProperty().featurize_dataframe(self.df, "composition", pbar=False)
        self.assertEqual(df.shape, (2, 291))
        self.assertAlmostEqual(df["sum:atomic_number"][1], 112.0)
        self.assertAlmostEqual(df["ave:atomic_number"][0], (2 * 26 + 3 * 8) / 5)
        self.assertAlmostEqual(df["var:atomic_number"][0], 0.4 * 0.6 * 18**2)
        self.assertEqual(df["max:atomic_number"][0], 26)
        self.assertEqual(df["min:atomic_number"][0], 8)

    def test_element_without_a_row(self):
        self.assertTrue(np.isfinite(XenonPyElementProperty().featurize(Composition("CmO2"))).all())
        strict = XenonPyElementProperty(impute_nan=False)
        self.assertTrue(np.isnan(strict.featurize(Composition("CmO2"))[0]))

    def test_beside_others(self):
        both = MultipleFeaturizer([XenonPyElementProperty(), ElementFraction()])
        df = both.featurize_dataframe(self.df, "composition", pbar=False)
        self.assertEqual(len(df.columns), 1 + len(both.feature_labels()))

    def test_about(self):
        featurizer = XenonPyElementProperty()
        self.assertEqual(len(set(featurizer.feature_labels())), 290)
        self.assertTrue(featurizer.citations()[0].startswith("@article{Yamada2019"))
        self.assertIsInstance(featurizer.implementors(), list)


if __name__ == "__main__":
    unittest.main()
