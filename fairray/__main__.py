"""``python -m fairray`` is ``fairray``."""

import sys

from fairray.cli import main

if __name__ == "__main__":
    sys.exit(main())
