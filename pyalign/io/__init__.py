"""Reading and writing data files: the only package of pyalign that opens them.

Embeddings come in as (n, d), triplets as (t, 3) with the odd item last. What a file does wrong is said in
one line that starts with its path (``pyalign.errors.InputError``); a missing file raises the system's
``OSError``. Names are loaded when they are first used, a format's package when a file of that format is read.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
