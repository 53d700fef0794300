"""Studies: a file that names models, human data and analyses; a folder with a document for each, and one page."""
