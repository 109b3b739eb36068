"""How the documentation is built: sphinx-build -W --keep-going -b html docs docs/_build/html."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
# The package of this checkout, here and in the tutorial's kernel, and the extensions beside this.
sys.path[:0] = [str(ROOT), str(HERE / "_ext")]
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
)
# Pages that run show what concerns the reader: not that the kernel has no widgets (tqdm), nor that
# KFold ignores groups, which is what one page is about.
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found,ignore:The groups parameter is ignored"

from matminer_phonon_tl import __version__  # noqa: E402 (the path comes first)

project = "matminer-phonon-tl"
author = "The matminer-phonon-tl developers"
copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "generated_pages",
    "mathml",
    "members",
    "notebooks",
]
exclude_patterns = ["_build", "_ext", "figures"]
html_theme = "furo"
html_title = "matminer-phonon-tl"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_math_renderer = "mathml"  # drawn by the browser itself: pages need no network

# Text is what it says: --html stays two hyphens.
smartquotes = False
highlight_language = "none"  # of blocks that do not say theirs, which are commands
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The tutorial and the pages of the same kind run at every build, in a temporary folder.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autosummary_generate = False
autodoc_typehints = "none"  # types, shapes and units stand in the docstrings
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc lists them
numpydoc_class_members_toctree = False
add_module_names = False
maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go"
