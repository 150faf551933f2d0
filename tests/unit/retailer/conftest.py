"""The back office and the world are programs of their own, not packages: they are imported from where they stand."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.retailer.retail_shop import Shop

EXAMPLES = Path(__file__).parents[3] / "examples"
for directory in ("bench", "retailer/backoffice", "retailer/world"):
    sys.path.insert(0, str(EXAMPLES / directory))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator["Shop"]:
    """The retailer in virtual time, on its first day."""
    from keepline.config import load_operation
    from keepline.testing import FlowTester
    from tests.unit.retailer.office_inside import OfficeInside
    from tests.unit.retailer.retail_shop import RETAILER, Shop

    operation = load_operation(RETAILER, lint=True)
    with FlowTester(operation) as tester:
        office = OfficeInside(tester._world, operation, tmp_path)
        tester._node.office = office
        yield Shop(tester, office)
    office.close()
