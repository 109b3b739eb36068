"""The real mp-api client against a loopback server: documents, gaps in them, and faults."""

import os
import pickle
import subprocess
import sys

import pytest

from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder
from matminer_phonon_tl.datasets.rows import derive_row
from matminer_phonon_tl.datasets.sources import MaterialsProjectSource, SourceUnavailableError
from matminer_phonon_tl.phonons import acoustic_optical_gap, diatomic_chain

pytest.importorskip("mp_api", reason="the extra mp is not installed")


@pytest.fixture
def source(project):
    def make(ids=("mp-830",), **options):
        return MaterialsProjectSource(
            ids, endpoint=project.endpoint, **{"pause": 0.01, "max_tries": 4, **options}
        )

    return make


def test_row(source):
    made = source()
    row = derive_row(made.read(*made.entries()), made.name)
    expected = acoustic_optical_gap(diatomic_chain(springs=(60.0,) * 3))
    assert row["phonon_bandgap"] == pytest.approx(expected, rel=1e-9)
    assert row["material_id"] == "mp-830"
    assert row["source_id"] == "aaaaaaaq"
    assert row["document_date"].startswith("2018-05-01")
    assert (row["bandgap"], row["formation_energy_per_atom"]) == (1.5, -0.5)


def test_build_skips_and_lists(source, tmp_path):
    ids = ["mp-830", "mp-13", "mp-23302", "mp-99999", "not an id", "mp-5020", "mp-14", "mp-830"]
    report = PhononDatasetBuilder(source(ids), tmp_path / "mp.json.gz", pbar=False).build()
    assert report.n_rows == 2
    assert report.skipped == {
        "no phonon data": 2,
        "unknown material": 2,
        "imaginary modes": 1,
    }
    text = report.skipped_csv.read_text()
    assert "expected dfpt phonons of mp-13, found none" in text
    assert "got mp-99999, which it does not know" in text


def test_command(project, tmp_path):
    (tmp_path / "ids.txt").write_text("mp-830\nmp-13\nmp-23302\n")
    arguments = ["materials_project", tmp_path / "mp.json.gz", "--path", tmp_path / "ids.txt"]
    run = subprocess.run(
        [sys.executable, "-m", "matminer_phonon_tl.cli", "build-dataset", *map(str, arguments)],
        env=os.environ | {"MP_API_ENDPOINT": project.endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == (f"2 rows in {tmp_path / 'mp.json.gz'}; skipped: 1 no phonon data")


def test_everything_with_phonons(source):
    entries = list(source(None).entries())
    assert [entry.key for entry in entries] == sorted(entry.key for entry in entries)
    assert {"mp-149", "mp-830", "mp-23302"} <= {entry.key for entry in entries}


def test_ids_are_looked_up_in_bulk(source, project):
    made = source(["mp-830", "mp-149", "mp-23302", "mp-13"])
    assert len(list(made.entries())) == 4
    assert project.report()["requests"]["summary"] == 1


def test_one_id_that_spoils_the_request_does_not_spoil_the_others(source, project):
    project.set_up(poison=["mp-666"])
    found = {e.key: e.payload for e in source(["mp-830", "mp-666", "mp-149"]).entries()}
    assert found["mp-666"] is None
    assert found["mp-830"]["band_gap"] == found["mp-149"]["band_gap"] == 1.5


def test_new_spelling_of_an_id_is_the_same_material(source):
    (entry,) = source(["mp-aaaaaaft"]).entries()
    assert entry.payload["material_id"] == "mp-149"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_trouble_of_the_api_is_waited_out(source, project, status):
    project.set_up(faults=[["/materials/summary", 3, status], ["/heartbeat", 1, status]])
    made = source()
    assert made.read(*made.entries()).material_id == "mp-830"


def test_cut_connections_are_made_again(source, project):
    project.set_up(faults=[["/materials/summary", 2, None], ["/materials/phonon", 2, None]])
    made = source()
    assert made.read(*made.entries()).source_id == "aaaaaaaq"


@pytest.mark.parametrize("status", [429, 503, None])
def test_trouble_of_the_object_storage_is_waited_out(source, project, status):
    project.set_up(faults=[["bandstructures", 2, status], ["/dos/", 1, status]])
    made = source()
    assert made.read(*made.entries()).source_id == "aaaaaaaq"


def test_server_that_stays_silent_ends_the_build_which_goes_on_later(source, project, tmp_path):
    output = tmp_path / "mp.json.gz"
    ids = ["mp-830", "mp-149", "mp-23302"]
    project.set_up(faults=[["/materials/summary", 10**6, 500]])
    with pytest.raises(
        SourceUnavailableError, match=r"got none in 2 tries .*start the build again later"
    ):
        PhononDatasetBuilder(source(ids, max_tries=2), output, pbar=False).build()
    assert not output.exists()
    project.set_up()
    report = PhononDatasetBuilder(source(ids), output, pbar=False).build()
    assert report.n_rows == 3


def test_no_more_than_four_at_a_time(source, project, tmp_path):
    ids = ["mp-830", "mp-149", "mp-23302", "mp-5020"]
    report = PhononDatasetBuilder(
        source(ids), tmp_path / "mp.json.gz", n_jobs=16, pbar=False
    ).build()
    assert report.n_rows == 3
    assert project.report()["most_active"] <= 4


def test_the_clients_own_limit_counts(source, monkeypatch):
    from mp_api.client.core.settings import MAPI_CLIENT_SETTINGS

    for setting, expected in ((2, 2), (4, 4), (50, 4)):
        monkeypatch.setattr(MAPI_CLIENT_SETTINGS, "NUM_PARALLEL_REQUESTS", setting)
        assert source().max_jobs == expected


def test_no_key(source, monkeypatch):
    monkeypatch.delenv("MP_API_KEY")
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})
    with pytest.raises(SourceUnavailableError, match="found none; set the environment variable"):
        list(source().entries())


def test_no_key_of_theirs(source, monkeypatch):
    monkeypatch.setenv("MP_API_KEY", "short")
    with pytest.raises(SourceUnavailableError, match="of 32 characters, got one of 5; set MP_API"):
        list(source().entries())


def test_refused_key(source, project):
    project.set_up(key="another")
    with pytest.raises(SourceUnavailableError, match="but it refused it; set MP_API_KEY"):
        list(source().entries())


def test_missing_extra(source, monkeypatch):
    from matminer_phonon_tl.exceptions import MissingExtraError

    monkeypatch.setitem(sys.modules, "mp_api.client", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[mp\]"):
        list(source().entries())


def test_source_can_be_sent_without_its_connections(source):
    made = source()
    list(made.entries())
    sent = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own
    assert sent.material_ids == ["mp-830"]


@pytest.mark.parametrize("status", [429, 500, None])
def test_trouble_of_the_heartbeat_is_waited_out(source, project, status):
    """Without which the client cannot even be made."""
    from mp_api.client import MPRester
    from mp_api.client.core.client import BaseRester

    MPRester.get_emmet_version.cache_clear()
    BaseRester._get_heartbeat_info.cache_clear()
    project.set_up(faults=[["/heartbeat", 2, status]])
    assert len(list(source().entries())) == 1
    assert project.report()["requests"]["heartbeat"] >= 3
