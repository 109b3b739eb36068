"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data():
    """Return the folder of real documents, which are for tests only and not in the repository."""
    folder = os.environ.get("PHONON_TL_TEST_DATA")
    if not folder:
        pytest.skip("PHONON_TL_TEST_DATA is not set: it names the folder of real documents")
    return Path(folder)


@pytest.fixture(scope="session")
def phonon_tl():
    """Return the shipped dataset; tests must not change it."""
    from matminer_phonon_tl import load_phonon_tl

    return load_phonon_tl()
