"""How Sphinx shows the site: what is read, how it looks, and that nothing is fetched when it is read."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from makers.docstrings import leave_out, reshape

project = "lic_lab"
author = "The lic_lab authors"
copyright = "The lic_lab authors"
language = "en"
smartquotes = False  # an option --so must keep its two hyphens

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # brings MathJax, so that formulas need no network
]

# notebooks are shown as they are stored: `make notebooks` runs them, the site never does
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
# a chapter may go from # to ### where it reads better; two rooms may each have a `Point`
suppress_warnings = ["myst.header", "config.cache", "ref.python"]

default_role = "code"  # docstrings put names into single backticks
autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autodoc_mock_imports = ["triton", "mamba_ssm", "causal_conv1d", "compressai"]
python_maximum_signature_line_length = 100
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = "lic_lab"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}  # light or dark as the reader's machine is
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "use_repository_button": False,
    "navbar_persistent": [],  # search stands at the side
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "search_bar_text": "Search",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def without_builtins(app, env) -> None:
    """Take "builtins" off the list of modules with a page of source: properties count as its members, it has none."""
    getattr(env, "_viewcode_modules", {}).pop("builtins", None)


def setup(app) -> None:
    """Have every docstring put into the form that Sphinx reads."""
    app.connect("autodoc-process-docstring", reshape)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("env-check-consistency", without_builtins)
