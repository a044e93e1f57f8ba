"""The site, as Sphinx builds it (`make docs`): the pages of docs/ as they are, and what is written of the code."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fairray

project = "fairray"
author = copyright = "The fairray developers"
version = release = fairray.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton", "generate"]
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**"]
exclude_patterns = [".*", "build", "runs"]
root_doc = "docs/README"
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
suppress_warnings = ["myst.header"]  # two titles follow each other in docs/data.md

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
html_math_renderer = "mathml"  # browsers draw it: no script, no font

default_role = "code"  # as `this` is meant in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "fairray"
html_show_sourcelink = html_copy_source = False
html_additional_pages = {"index": "front.html"}
templates_path = ["templates"]
html_static_path, html_css_files = ["static"], ["site.css"]
