import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.networks import TrainingSettings, source_networks
from matminer_phonon_tl.networks.source_networks import (
    SourceCache,
    read_source_task,
    train_source_networks,
)


@pytest.mark.parametrize("source", [3, [1, 2], np.ones(3), ("a",)])
def test_neither_table_nor_pair(source):
    with pytest.raises(ValueError, match="source to be one of 'bandgap', 'multitask', 'kyoto', No"):
        read_source_task(source, 290, has_compositions=True)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"material": ["NaCl"], "gap": [1.0]}), 'a "composition" \\(or "formula"\\)'),
        (pd.DataFrame({"composition": ["NaCl"]}), "one or more columns of labels"),
        (
            pd.DataFrame({"composition": ["NaCl"], "material_id": ["mp-1"]}),
            "got the column 'material_id' of object: select the columns to learn from",
        ),
        (
            pd.DataFrame({"composition": ["NaCl", "KBr"], "gap": [1.0, np.nan]}),
            "source with one task, got NaN in row 1",
        ),
        (
            pd.DataFrame({"composition": ["NaCl", "KBr"], "a": [1.0, np.inf], "b": [1, 2]}),
            "expected finite source labels .* got inf in row 1, column 0",
        ),
    ],
)
def test_bad_tables(frame, words):
    with pytest.raises(ValueError, match=words):
        read_source_task(frame, 290, has_compositions=True)


def test_pairs():
    X = np.arange(12.0).reshape(4, 3)
    data = read_source_task(
        (X, pd.DataFrame({"a": [1.0] * 4, "b": [np.nan] * 4})), 3, has_compositions=False
    )
    assert data.tasks == ("a", "b")
    assert data.record()["n_samples"] == 4
    other = read_source_task((X, np.ones(4)), 3, has_compositions=False)
    assert other.Y.shape == (4, 1)
    assert other.sha256 != data.sha256
    described = read_source_task((["NaCl", "KBr"], [1.0, 2.0]), 290, has_compositions=True)
    assert described.X.shape == (2, 290)
    with pytest.raises(ValueError, match=r"as many rows in both, got shapes \(4, 3\) and \(3,\)"):
        read_source_task((X, np.ones(3)), 3, has_compositions=False)


def test_cache_forgets_the_least_recently_used():
    cache = SourceCache(size=2)
    for key in "ab":
        cache.put(key, key)
    cache.get("a")
    cache.put("c", "c")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("a", None, "c")
    cache.clear()
    assert len(cache) == 0


def test_more_sources_than_fit_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    sources = [
        read_source_task(
            (rng.normal(size=(30, 4)), rng.normal(size=(30, n_tasks))), 4, has_compositions=False
        )
        for n_tasks in (1, 2, 1, 2, 1)
    ]
    settings = TrainingSettings(epochs=3, dtype="float64")
    arguments = ([(6, 5, 4)] * 5, [1, 2, 3, 4, 5], settings)
    whole = train_source_networks(sources, *arguments, cache=SourceCache())
    monkeypatch.setattr(source_networks, "_BYTES_AT_A_TIME", 1)
    cut = train_source_networks(sources, *arguments, cache=SourceCache())
    for one, other in zip(whole, cut, strict=True):
        assert one.n_outputs == other.n_outputs
        for name, array in one.get_state().items():
            np.testing.assert_allclose(array, other.get_state()[name], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_matbench_band_gaps_as_source_within_2_gb(test_data):
    """Train on 106 113 band gaps in mini-batches, in a new process whose peak memory is read."""
    resource = pytest.importorskip("resource")
    assert resource
    path = test_data / "matbench" / "matbench_mp_gap.csv.gz"
    code = (
        "import re, resource, sys\n"
        "import pandas as pd\n"
        "from matminer_phonon_tl.models import TransferMLPRegressor\n"
        f"source = pd.read_csv({str(path)!r}).rename(columns={{'formula': 'composition'}})\n"
        "model = TransferMLPRegressor(\n"
        "    (32, 16, 8), source=source, source_epochs=1, batch_size=4096, epochs=20)\n"
        "model.fit(['InN', 'GaSb', 'GaN', 'AlN', 'InAs'], [200.0, 20.0, 198.0, 90.0, 15.0])\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "peak *= 1 if sys.platform == 'darwin' else 1024\n"
        # Linux counts the parent's memory before exec in it too
        "if sys.platform == 'linux':\n"
        "    status = open('/proc/self/status').read()\n"
        "    peak = 1024 * int(re.search(r'VmHWM:\\s+(\\d+)', status)[1])\n"
        "print(model.source_record_['n_samples'], peak, model.predict(['BN'])[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    n_samples, peak, prediction = done.stdout.split()
    assert int(n_samples) == 106_113
    assert int(peak) < 2e9
    assert np.isfinite(float(prediction))
