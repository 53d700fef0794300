"""`python -m pyalign` is `pyalign`."""

import sys

from pyalign.cli import main

if __name__ == "__main__":
    sys.exit(main())
