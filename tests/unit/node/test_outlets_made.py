"""What people are told by is imported once a process is at work: not at its start, nor when there is news to tell."""

import asyncio
from dataclasses import replace
from pathlib import Path

from keepline.config import load_operation
from keepline.demo_retailer import retailer_path
from keepline.node.outlets import CONNECTORS, MODULES, OutletMakers, modules_of
from keepline.node.paths import NodePaths


def makers(data: Path) -> OutletMakers:
    return OutletMakers(NodePaths(data), lambda _: asyncio.sleep(0, ""), lambda _: None)


def test_every_kind_of_outlet_says_what_it_imports(tmp_path: Path) -> None:
    assert set(makers(tmp_path).makers) == set(MODULES)


def test_an_operation_needs_the_modules_of_its_own_outlets_each_once() -> None:
    found = load_operation(retailer_path() / "keepline.yaml")
    assert sorted(modules_of(found)) == [f"{CONNECTORS}.greeting.client", f"{CONNECTORS}.status_page.client"]
    assert modules_of(replace(found, capabilities={})) == []


def test_the_page_is_written_once_its_modules_are_there(tmp_path: Path) -> None:
    operation = load_operation(retailer_path() / "keepline.yaml")

    async def written() -> None:
        tasks: list[asyncio.Task[None]] = []
        makers(tmp_path).begin(operation, tasks.append, after_s=0.0)
        [task] = tasks
        async with asyncio.timeout(30.0):
            while not (NodePaths(tmp_path).status_page / "index.html").exists():
                assert not task.done()
                await asyncio.sleep(0)
        task.cancel()

    asyncio.run(written())
