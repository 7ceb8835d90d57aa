"""Settings of Sphinx, which builds this site: `make docs`. Every warning is an error there."""

project = "BucketLens"
html_title = "BucketLens"
extensions = ["myst_parser"]
myst_heading_anchors = 4  # links to headings, checked
nitpicky = True  # as are all others

html_theme = "furo"  # with no font or script from elsewhere
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_show_copyright = False
