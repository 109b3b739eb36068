"""On a cluster: the same result, also when a worker is killed in the middle."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import MissingExtraError, ScreeningError
from matminer_phonon_tl.screening import screen
from matminer_phonon_tl.screening.store import ChunkStore

distributed = pytest.importorskip("distributed", reason="dask is not installed")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def table(phonon_tl):
    return pd.DataFrame({"formula": [*phonon_tl["formula"][:395], "Qq", *phonon_tl["formula"][:4]]})


@pytest.fixture(scope="module")
def alone(pretrained, table, tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "out.parquet"
    screen(table, path, predictor=pretrained, chunk_rows=40)
    return pd.read_parquet(path)


@pytest.mark.slow
def test_complete_and_equal_though_a_worker_is_killed(
    client, pretrained, table, alone, tmp_path, monkeypatch
):
    pids = list(client.run(os.getpid).values())
    add = ChunkStore.add
    killed = []

    def add_and_kill(self, number, *arguments):
        if number == 2:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])
        return add(self, number, *arguments)

    monkeypatch.setattr(ChunkStore, "add", add_and_kill)
    report = screen(
        table, tmp_path / "out.parquet", predictor=pretrained, chunk_rows=40, client=client
    )
    assert killed
    assert (report.rows, report.failed) == (400, 1)
    frame = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(frame, alone, check_exact=True)
    assert pids[0] not in client.run(os.getpid).values()


def test_by_the_schedulers_address_and_from_a_dask_frame(
    client, pretrained, table, alone, tmp_path
):
    dask_frame = pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=3)
    screen(
        dask_frame,
        tmp_path / "out.parquet",
        predictor=pretrained,
        client=client.scheduler.address,
    )
    frame = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(frame, alone, check_exact=True)


def test_two_screenings_at_once_keep_their_models_apart(client, pretrained, table, alone, tmp_path):
    def narrow_or_wide(level):
        path = tmp_path / f"{level}.parquet"
        screen(table, path, predictor=pretrained, client=client, level=level, chunk_rows=40)
        return pd.read_parquet(path)

    with ThreadPoolExecutor(2) as pool:
        narrow, wide = pool.map(narrow_or_wide, [0.5, 0.9])
    pd.testing.assert_frame_equal(wide, alone, rtol=1e-9)
    known = wide["error"].isna()
    # Where it holds the labels of polymorphs, an interval may be as wide at both levels.
    upper = "speed_of_sound_upper"
    assert (narrow[upper] <= wide[upper])[known].all()
    assert (narrow[upper] < wide[upper])[known].mean() > 0.8


def test_workers_of_another_version_are_refused_and_left_as_they_were(
    client, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr("matminer_phonon_tl.screening.cluster.__version__", "999.0")
    sentence = r"expected matminer-phonon-tl 999.0 on every worker, .* \(ImportError: version"
    with pytest.raises(ScreeningError, match=sentence):
        screen(["InN"], tmp_path / "out.csv", predictor=quick, client=client)
    plugins = client.run(lambda dask_worker: list(dask_worker.plugins))
    assert not any("screening" in name for names in plugins.values() for name in names)


@pytest.mark.slow
def test_waits_for_the_first_worker_and_says_so(pretrained, tmp_path, caplog):
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        later = threading.Timer(1, cluster.scale, [1])
        later.start()
        address = cluster.scheduler_address
        report = screen(["InN"], tmp_path / "out.csv", predictor=pretrained, client=address)
        later.join()
    assert report.written == 1
    assert "has no worker: waiting for one" in caplog.text


@pytest.mark.slow
def test_a_cluster_that_ends_in_the_middle_is_one_sentence(
    pretrained, table, tmp_path, monkeypatch
):
    add = ChunkStore.add
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as own,
        distributed.Client(own) as client,
    ):

        def add_and_close(self, number, *arguments):
            if number == 1:
                own.close()
            return add(self, number, *arguments)

        monkeypatch.setattr(ChunkStore, "add", add_and_close)
        output = tmp_path / "out.csv"
        with pytest.raises(ScreeningError, match="expected the cluster to answer, but the connect"):
            screen(table, output, predictor=pretrained, chunk_rows=20, client=client)
    assert screen(table, output, predictor=pretrained, chunk_rows=20, resume=True).resumed == 40


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:x"])
def test_no_such_scheduler(quick, tmp_path, monkeypatch, address):
    monkeypatch.setattr("matminer_phonon_tl.screening.cluster.WAIT_S", 1)
    with pytest.raises(ScreeningError, match=r"expected a Dask scheduler at .* connecting failed"):
        screen(["InN"], tmp_path / "out.csv", predictor=quick, client=address)


def test_without_dask(quick, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[dask\]"):
        screen(["InN"], tmp_path / "out.csv", predictor=quick, client="tcp://127.0.0.1:1")
