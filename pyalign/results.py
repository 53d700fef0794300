"""The classes of what functions of pyalign give back, for annotations and for `pyalign.load_result`.

>>> from pyalign.results import Scores
>>> Scores.__name__
'Scores'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("pyalign", __file__)
