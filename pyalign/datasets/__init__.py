"""Data sets: published ones by name, folders of one's own, the sample; triplets that are drawn and answered."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
