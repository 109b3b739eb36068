"""Whatever stands in a file or in the environment: rows or one sentence, and the same figures."""

import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import matminer_phonon_tl
from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import screen
from matminer_phonon_tl.screening.chunks import Reading
from matminer_phonon_tl.screening.input_csv_json import csv_chunks, json_chunks

CELLS = st.text(max_size=20) | st.sampled_from(["InN", "=1+1", '"', "\r", "\n", "\x00", "Fe2O3"])


def chunks_of(read, content):
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8", errors="surrogateescape", newline="")
    return list(read(text, "fuzz", Reading(None, 7)))


@pytest.mark.fuzz
@given(st.lists(CELLS, max_size=20), st.binary(max_size=60))
def test_any_csv_is_rows_or_one_sentence(cells, tail):
    content = ("formula,x\n" + ",".join(cells)).encode("utf-8", "surrogatepass") + tail
    for chunk in chunks_of(csv_chunks, content):
        assert len(chunk.formulas) == chunk.table.num_rows
        assert len(chunk.sha256()) == 64


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.filterwarnings("ignore:the output has the keys of the first chunk")
@pytest.mark.fuzz
@given(st.lists(JSON, max_size=12), JSON)
def test_any_json_lines_are_rows_or_one_sentence(values, first):
    lines = [json.dumps({"formula": first, "x": 1}), *(json.dumps({"formula": v, "x": v})
             for v in values), *map(json.dumps, values)]  # fmt: skip
    chunks = chunks_of(json_chunks, "\n".join(lines).encode())
    assert sum(chunk.table.num_rows for chunk in chunks) == len(lines)
    assert all(len(chunk.sha256()) == 64 for chunk in chunks)


@pytest.mark.fuzz
@given(st.lists(st.one_of(CELLS, JSON), max_size=12))
def test_whatever_is_screened_every_row_comes_back(quick, tmp_path, values):
    for name in ("out.csv", "out.parquet"):
        report = screen(iter(["InN", *values]), tmp_path / name, predictor=quick, chunk_rows=5)
        assert report.rows == report.written == 1 + len(values)


@pytest.mark.fuzz
@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.csv.gz", "x.jsonl", "x.json",
                                                 "x.parquet"]))  # fmt: skip
def test_any_file_is_rows_or_one_sentence(quick, tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    try:
        screen(tmp_path / name, tmp_path / "out.csv", predictor=quick)
    except ScreeningError as error:
        sentence = str(error)
        assert sentence.startswith("expected ")


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        {"LC_ALL": "de_DE.UTF-8", "TZ": "Pacific/Kiritimati"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
        {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", "MPLCONFIGDIR": "/proc/no"},
    ],
)
def test_the_environment_changes_nothing(tmp_path, environment):
    """Locale, time zone, a home that cannot be written; numpy's warnings are errors."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "matminer_phonon_tl.cli"]
    arguments = ["screen", "-", "-", "--columns", "formula,has_phonon_bandgap,error"]
    asked = "formula\nInN\nPuH1000000\nÉ\n"
    result = subprocess.run(
        [*command, *arguments], input=asked.encode(), capture_output=True, cwd=tmp_path,
        env=os.environ | environment, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr.decode()
    lines = result.stdout.decode().splitlines()
    assert lines[1] == "InN,True,"
    assert lines[2].startswith("PuH1000000,")
    assert lines[3].startswith("É,,")


def test_packages_that_cannot_be_written_to(tmp_path):
    """A mount that is for reading only, as in a container: no cache, no dataset is put there."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("only root on Linux can mount the packages for reading only")
    packages = sysconfig.get_path("purelib")
    source = str(Path(matminer_phonon_tl.__file__).parents[1])
    script = f"""
        set -e
        for folder in "{packages}" "{source}"; do
            mount --bind "$folder" "$folder"
            mount -o remount,bind,ro "$folder"
        done
        if touch "{packages}/written" 2> /dev/null; then exit 9; fi
        exec "{sys.executable}" -c "
import matminer_phonon_tl
from matminer.datasets import load_dataset
from matminer_phonon_tl.screening import screen
assert len(load_dataset('phonon_tl')) == 1245
print(screen(['InN', 'Qq'], 'out.csv'))
"
    """
    mounts = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*mounts, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this container allows no mounts of its own")
    result = subprocess.run(
        [*mounts, "bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "2 rows screened" in result.stdout
    assert "1 of them with an error" in result.stdout
