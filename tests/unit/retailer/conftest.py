"""The back office and the world are programs of their own, not packages: they are imported from where they stand."""

import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"
for directory in ("bench", "retailer/backoffice", "retailer/world"):
    sys.path.insert(0, str(EXAMPLES / directory))
