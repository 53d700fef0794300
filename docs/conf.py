"""The site of the documentation: `make docs` builds it into build/docs. Neither it nor its reader needs a network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
from pyalign import __version__

project, author, copyright = "pyalign", "the authors of pyalign", "the authors of pyalign"
version = release = __version__
extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "site_pages",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_ext", "**/GALLERY_HEADER.rst", "gallery/sg_execution_times.rst"]
nitpicky = True
# Modules are described on pages of their own, not by an entry of the reference.
nitpick_ignore = [("py:obj", "pyalign.datasets"), ("py:obj", "pyalign.results")]
suppress_warnings = ["autosummary.import_cycle"]  # the tables give full names, whatever module a page is about
show_warning_types = True
html_theme = "furo"
html_title = f"pyalign {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#00619a"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_block"]

default_role = "public"
add_module_names = False
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say shapes and units, which annotations can't
autodoc_default_options = {
    "members": True,
    "exclude-members": "set_fit_request, set_score_request, set_transform_request",  # scikit-learn's, of no use here
}
autosummary_generate = False
napoleon_numpy_docstring = False
napoleon_use_param = False  # "k, seed: ..." tells of two arguments
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "ignore_pattern": r"(?:^|/)(?!plot_)[^/]*\.py$",  # programs of their own, which no page draws
    "image_scrapers": ("pictures.keep_charts",),
    "capture_repr": (),
    "reset_modules": (),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e6,
    "abort_on_example_error": True,
}
