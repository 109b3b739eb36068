from sklearn.utils.estimator_checks import parametrize_with_checks

from matminer_phonon_tl.models.transfer import TransferMLPRegressor


@parametrize_with_checks([TransferMLPRegressor((16, 8, 8), source=None, epochs=60, dropout=0.0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
