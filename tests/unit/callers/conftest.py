"""The crowd is a program of its own, not a package: its modules are imported from where it stands."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "bench"))
