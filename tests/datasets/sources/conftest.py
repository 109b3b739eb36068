"""A small Materials Project, served on loopback by a process of its own."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from matminer_phonon_tl.phonons import debye_dos, diatomic_chain

PREFIXES = {
    "bandstructure": "phonon/electronic-structure/bandstructures",
    "dos": "phonon/electronic-structure/dos",
}


class Tables:
    """The documents and tables that the server serves."""

    def __init__(self, root):
        self.root = root
        self.summaries = {}
        self.tasks = []
        self.rows = {"bandstructure": [], "dos": []}

    def add(self, material_id, phonon_id, bs=None, dos=None, **facts):
        ids = {"dfpt": [phonon_id]} if phonon_id else None
        self.summaries[material_id] = {"material_id": material_id, "phonon_IDs": ids, **facts}
        if phonon_id:
            from emmet.core.mpid import AlphaID

            self.tasks.append(
                {
                    # the client asks for the number that the letters mean
                    "asked_as": AlphaID(phonon_id).string,
                    "identifier": phonon_id,
                    "phonon_method": "dfpt",
                    "last_updated": "2018-05-01T00:00:00",
                }
            )
        for name, model in (("bandstructure", bs), ("dos", dos)):
            if model is not None:
                self.rows[name].append(
                    {
                        "identifier": phonon_id,
                        "phonon_method": "dfpt",
                        "path_convention": "setyawan_curtarolo",
                        name: model.model_dump(mode="json"),
                    }
                )

    def store(self, schemas):
        """Write the tables as the project's object storage has them."""
        import pyarrow as pa
        from deltalake import write_deltalake

        for name, prefix in PREFIXES.items():
            names = ["identifier", "phonon_method", "path_convention"]
            schema = pa.schema([*((n, pa.string()) for n in names), (name, schemas[name])])
            table = pa.Table.from_pylist(self.rows[name], schema=schema)
            write_deltalake(self.root / prefix, table)
        documents = {"summaries": self.summaries, "tasks": self.tasks}
        (self.root / "documents.json").write_text(json.dumps(documents))


@pytest.fixture(scope="module")
def served_folder(tmp_path_factory):
    """Materials of a small project: four with phonons, one without, one half stored."""
    pytest.importorskip("mp_api", reason="the extra mp is not installed")
    from emmet.core.arrow import arrowize
    from emmet.core.phonon import PhononBS, PhononDOS

    project = Tables(tmp_path_factory.mktemp("bucket"))
    soft = diatomic_chain(springs=(60.0,) * 3)
    soft.bands[0, 20:] = -2.0
    chains = {
        ("mp-830", "aaaaaaaq"): diatomic_chain(springs=(60.0,) * 3),
        ("mp-23302", "aaaaaaar"): diatomic_chain(("Rb", "I"), springs=(20.0,) * 3),
        ("mp-149", "aaaaaaas"): diatomic_chain(("Al", "As"), springs=(50.0,) * 3),
        ("mp-5020", "aaaaaaat"): soft,
    }
    for (material_id, phonon_id), chain in chains.items():
        dos = debye_dos(float(chain.bands.max()), 2, 201)
        project.add(
            material_id,
            phonon_id,
            PhononBS.from_pmg(chain),
            PhononDOS(
                frequencies=dos.frequencies.tolist(),
                densities=dos.densities.tolist(),
                structure=chain.structure,
            ),
            band_gap=1.5,
            formation_energy_per_atom=-0.5,
        )
    project.add("mp-13", None, band_gap=0.0, formation_energy_per_atom=0.0)
    project.add("mp-14", "aaaaaaau", band_gap=0.0, formation_energy_per_atom=0.0)
    project.store({"bandstructure": arrowize(PhononBS), "dos": arrowize(PhononDOS)})
    return project.root


class LoopbackProject:
    """The served project, as a test sees it."""

    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}/"

    def set_up(self, **state):
        """Set ``faults`` (pattern, times, status; None cuts), ``poison`` (ids) and ``key``."""
        body = json.dumps(state).encode()
        request = urllib.request.Request(f"{self.endpoint}control", body)  # noqa: S310
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback

    def report(self):
        """Return how many requests there were by kind, and how many at a time at most."""
        with urllib.request.urlopen(  # noqa: S310 - loopback
            f"{self.endpoint}control", timeout=10
        ) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def server(served_folder):
    """Start the server."""
    script = Path(__file__).with_name("loopback_project.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(served_folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield LoopbackProject(process.stdout.readline().strip())
        process.stdin.close()
        process.wait(timeout=10)


@pytest.fixture
def project(server, monkeypatch):
    """Point mp-api and its object storage to the server, which is without faults."""
    server.set_up()
    monkeypatch.setenv("MP_API_KEY", "k" * 32)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint.rstrip("/"))
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "false")
    return server
