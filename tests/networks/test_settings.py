"""Settings are checked at birth, and cannot be changed afterwards."""

import json
from dataclasses import FrozenInstanceError, asdict

import numpy as np
import pytest

from matminer_phonon_tl.networks import TrainingSettings
from matminer_phonon_tl.networks.settings import member_widths


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        TrainingSettings().epochs = 3


def test_numpy_numbers_become_plain_ones():
    settings = TrainingSettings(epochs=np.int64(3), dropout=np.float32(0.5), batch_size=np.int32(8))
    assert json.loads(json.dumps(asdict(settings)))["epochs"] == 3


@pytest.mark.parametrize("layers", ["fourth", (3,), (-1,), 2, ("first",)])
def test_layers_that_do_not_exist(layers):
    with pytest.raises(ValueError, match=r'expected frozen_layers to be "all", .* 0 to 2, got'):
        TrainingSettings(frozen_layers=layers).layer_numbers("frozen_layers", 3)


@pytest.mark.parametrize("sizes", [(), [], 5, "x", None, (16, 0), [(16,), 8], [(16, 8), ()]])
def test_bad_widths(sizes):
    with pytest.raises(ValueError, match="expected hidden_layer_sizes to be a tuple of positive"):
        member_widths(sizes)
