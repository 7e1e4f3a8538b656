"""`python -m camerad` is the `camerad` command."""

import sys

from camerad.cli import main

if __name__ == "__main__":
    sys.exit(main())
