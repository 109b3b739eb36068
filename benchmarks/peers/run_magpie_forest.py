"""Magpie and a random forest of 500 trees, the reference of Matbench.

Usage: python benchmarks/peers/run_magpie_forest.py FOLDS_JSON OUT_JSON [--rounds N] [--task NAME]

Matbench's reference adds the sine Coulomb matrix where a structure is given; here there is none.

References
----------
A. Dunn et al., npj Comput. Mater. 6, 138 (2020), doi:10.1038/s41524-020-00406-3;
L. Ward et al., npj Comput. Mater. 2, 16028 (2016), doi:10.1038/npjcompumats.2016.28.
"""

import held_out
from _magpie import magpie
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor


def fit_predict(X, y, X_test, *, kind: str, seed: int):
    """Fit scikit-learn's forest as it comes, but for the 500 trees."""
    if kind == "classification":
        model = RandomForestClassifier(500, random_state=seed).fit(X, y)
        return model.predict_proba(X_test)[:, 1]
    return RandomForestRegressor(500, random_state=seed).fit(X, y).predict(X_test)


if __name__ == "__main__":
    held_out.main(
        "Magpie + random forest",
        magpie,
        fit_predict,
        settings="matminer's 132 Magpie features, 500 trees, no search",
        packages=("matminer", "scikit-learn"),
    )
