"""The paper's parts done in this process and on a Dask cluster."""

import json
from functools import partial

import pytest

from matminer_phonon_tl.reproduction import experiments as paper
from matminer_phonon_tl.reproduction.experiments import PROTOCOLS, Job, finished_jobs
from matminer_phonon_tl.reproduction.network_sweep import NetworkTask, run_networks


def sweep():
    """Two batches of architectures under both protocols, trained for a moment."""
    for number, architecture in enumerate([(10, 6, 4), (9, 6, 4)]):
        for protocol in PROTOCOLS:
            task = NetworkTask(
                "transfer", "TL", protocol, ("phonon_bandgap",), (architecture,), number, 1,
                parameters=(("epochs", 3), ("source_epochs", 3)),
            )  # fmt: skip
            work = partial(run_networks, task, seed=0, device="cpu", progress=False)
            yield Job("transfer", f"TL-{protocol}-{number}", 1.0, work)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """What the sweep finds in this process."""
    monkeypatch.setattr(paper, "plan", lambda *_: sweep())
    return json.loads(paper.run(tmp_path / "alone", scale="quick").read_text())["scores"]


def same(path, scores):
    found = json.loads(path.read_text())["scores"]
    return [(score["protocol"], score["n_architectures"]) for score in found] == [
        (score["protocol"], score["n_architectures"]) for score in scores
    ] and all(
        # training amplifies the round-off of differently ordered sums
        score["mae"] == pytest.approx(other["mae"], rel=1e-3)
        for score, other in zip(found, scores, strict=True)
    )


@pytest.mark.slow
def test_the_sweep_over_architectures_goes_to_a_dask_cluster(tmp_path, alone, cluster):
    assert {score["n_architectures"] for score in alone} == {2}
    assert same(paper.run(tmp_path / "cluster", scale="quick", client=cluster), alone)


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_jobs_come_back_with_what_they_return(request, where):
    client = request.getfixturevalue("cluster") if where == "cluster" else None
    jobs = [Job("transfer", str(n), float(n), partial(dict, half=n // 2)) for n in range(4)]
    found = {job.name: content for job, content in finished_jobs(jobs, client)}
    assert {name: content["half"] for name, content in found.items()} == {
        "0": 0, "1": 0, "2": 1, "3": 1
    }  # fmt: skip
    assert all(content["seconds"] >= 0 for content in found.values())


def test_the_longest_job_comes_first():
    jobs = [Job("transfer", str(n), cost, dict) for n, cost in enumerate((1.0, 3.0, 2.0))]
    assert [job.name for job, _ in finished_jobs(jobs)] == ["1", "2", "0"]
