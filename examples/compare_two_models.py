"""Compare two models on the same leak-free folds, with an interval for the difference."""

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from matminer_phonon_tl import XenonPyDescriptors, load_phonon_tl
from matminer_phonon_tl.evaluation import compare, cross_validate

df = load_phonon_tl(gapped_only=True)
ridge = make_pipeline(XenonPyDescriptors(), StandardScaler(), Ridge(10.0))
trees = make_pipeline(XenonPyDescriptors(), ExtraTreesRegressor(100, random_state=0))
first, second = (
    cross_validate(model, df, "phonon_bandgap", groups="formula", n_repeats=2)
    for model in (ridge, trees)
)
print(first)
print(second)
print(compare(first, second))
first.save("ridge.json")
