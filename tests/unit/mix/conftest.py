"""The mixed crowd is no package: it is found beside the benchmarks, as it finds the callers beside the example."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
for place in (ROOT / "examples" / "bench", ROOT / "examples" / "retailer" / "world", ROOT / "bench" / "mix"):
    sys.path.insert(0, str(place))
