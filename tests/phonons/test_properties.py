"""What a notebook shows of a crystal's properties; their numbers are tested one by one."""

import re

from matminer_phonon_tl.phonons import debye_dos, diatomic_chain, phonon_properties


def cells_of(found):
    text = found._repr_html_()
    return dict(re.findall(r"<th [^>]*>([^<]*)</th><td>([^<]*)</td>", text)), text


def test_a_notebook_shows_numbers_with_units():
    found = phonon_properties(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    cells, _ = cells_of(found)
    assert cells["acoustic optical gap"] == f"{found.acoustic_optical_gap:.1f} cm-1"
    assert cells["speed of sound"] == f"{found.speeds.mean:.2f} km/s"
    assert cells["stable"].strip() == "yes"
    assert "debye temperature" not in cells  # bands do not tell


def test_what_a_source_does_not_tell_is_no_row_and_its_notes_stand_below():
    found = phonon_properties(debye_dos(400.0))
    cells, text = cells_of(found)
    assert "speed of sound" not in cells
    assert "nan" not in text.lower()
    assert cells["notes"].strip() == " ".join(found.notes)
