"""XenonPy's element properties, pooled over a composition: as matminer would hold it.

For matminer/featurizers/composition/xenonpy.py; the table goes to
matminer/utils/data_files/xenonpy_elements.csv.
"""

import os

import numpy as np
import pandas as pd
from matminer.featurizers.base import BaseFeaturizer
from matminer.utils.data import module_dir


class XenonPyElementProperty(BaseFeaturizer):
    """
    58 properties of the elements H-Pu, pooled in five ways: 290 features.

    With amounts n_k and atomic fractions w_k of the elements k, a property f gives
    ave = sum(w f), sum = sum(n f), var = sum(w (f - ave)^2), max and min. The composition is used
    as it is, not reduced: the sums carry the size of the cell.

    Args:
        impute_nan (bool): let the mean over all elements stand in for an element that the table
            lacks. If False, its features are NaN.
    """

    poolings = ("ave", "sum", "var", "max", "min")

    def __init__(self, impute_nan=True):
        self.impute_nan = impute_nan
        path = os.path.join(module_dir, "data_files", "xenonpy_elements.csv")
        self.table = pd.read_csv(path, comment="#", index_col=0)
        self._missing = self.table.mean().to_numpy() if impute_nan else np.full(58, np.nan)

    def featurize(self, comp):
        """
        Pool the element properties.

        Args:
            comp (pymatgen.core.Composition)

        Returns:
            (list of float): 290 features, in the order of feature_labels.
        """
        amounts = comp.get_el_amt_dict()
        n = np.array(list(amounts.values()))
        rows = [
            self.table.loc[symbol].to_numpy() if symbol in self.table.index else self._missing
            for symbol in amounts
        ]
        f, w = np.array(rows), n / n.sum()
        ave = w @ f
        pooled = (ave, n @ f, w @ (f - ave) ** 2, f.max(axis=0), f.min(axis=0))
        return np.concatenate(pooled).tolist()

    def feature_labels(self):
        """
        Returns:
            (list of str): ave:atomic_number to min:Polarizability.
        """
        return [f"{pooling}:{name}" for pooling in self.poolings for name in self.table.columns]

    def citations(self):
        """
        Returns:
            (list of str): BibTeX.
        """
        return [
            "@article{Yamada2019, title={Predicting Materials Properties with Little Data Using "
            "Shotgun Transfer Learning}, author={Yamada, Hironao and Liu, Chang and Wu, Stephen "
            "and Koyama, Yukinori and Ju, Shenghong and Shiomi, Junichiro and Morikawa, Junko and "
            "Yoshida, Ryo}, journal={ACS Central Science}, volume={5}, pages={1717}, year={2019}, "
            "doi={10.1021/acscentsci.9b00804}}"
        ]

    def implementors(self):
        """
        Returns:
            (list of str): names.
        """
        return ["The matminer-phonon-tl developers"]
