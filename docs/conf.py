"""How the documentation is built; `make docs` does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from openmm_cgvae import __version__  # noqa: E402 - that of the checkout

project = "openmm_cgvae"
author = "the authors of openmm_cgvae"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx wants this name
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [  # base classes: of other packages, and ours by their modules
    (r"py:class", r"(abc|collections|enum|lightning|MDAnalysis|pathlib|torch)\..*"),
    (
        r"py:class",
        r"openmm_cgvae\.model\.(baselines\.Baseline|autoencoder\.Autoencoder)",
    ),
    (r"py:class", r"openmm_cgvae\._runtime\.\w+\.\w+"),
    (r"py:class", r"openmm_cgvae\.structures\.(export|relaxation)\.\w+\.\w+"),
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autosummary_ignore_module_all = False  # packages document what is in __all__
autodoc_default_options = {"show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings tell types, shapes and units
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"openmm_cgvae {release}"
html_copy_source = False
