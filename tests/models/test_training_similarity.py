"""Which compounds are like the training materials."""

import numpy as np

from matminer_phonon_tl.models.training_similarity import (
    IN_DOMAIN,
    in_domain,
    training_elements,
    unseen_elements,
)


def test_names_elements_never_seen(phonon_tl):
    seen = training_elements(phonon_tl)
    assert unseen_elements(["GaAs", "UPuO2"], seen) == [[], ["Pu", "U"]]


def test_training_elements_are_atomic_numbers():
    assert training_elements(["GaN", "InN"]).tolist() == [7, 31, 49]


def test_in_domain_needs_a_rank_and_known_elements():
    rank = np.array([1.0, IN_DOMAIN, IN_DOMAIN - 0.01, 1.0])
    assert in_domain(rank, [[], [], [], ["U"]]).tolist() == [True, True, False, False]
