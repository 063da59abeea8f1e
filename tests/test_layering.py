"""The shape of the code: imports go server -> streaming -> model, modules stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("server", "streaming", "model")
MODULES = sorted(
    path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
)
MAX_LINES = 300

# `streaming` is told the time and handed its data. `model` knows nothing of networks.
CLOCKS_AND_IO = {
    *("asyncio", "concurrent", "multiprocessing", "queue", "sched", "select", "selectors"),
    *("signal", "socket", "ssl", "subprocess", "threading", "time", "datetime"),
}
NETWORKS = {
    *("aiohttp", "aioice", "aiortc", "asyncio", "fastapi", "http", "httpx", "requests", "socket"),
    *("ssl", "starlette", "urllib", "uvicorn", "uvloop", "websockets"),
}
FORBIDDEN = {
    "server": {"tests", "benchmarks"},
    "streaming": {"server", "tests", "benchmarks"} | CLOCKS_AND_IO | NETWORKS,
    "model": {"server", "streaming", "tests", "benchmarks"} | NETWORKS,
}


def imported(source: str) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names


def test_every_import_statement_is_seen() -> None:
    source = "import a.b, c\nfrom d.e import f\ndef g():\n    from . import h\n    import server\n"
    assert imported(source) == {"a", "c", "d", ".", "server"}


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_were_found(package: str) -> None:
    assert len([path for path in MODULES if path.parts[0] == package]) >= 5


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    found = imported((ROOT / path).read_text("utf-8"))
    assert not found & FORBIDDEN[path.parts[0]]
    assert "." not in found, "absolute imports only: they show the layer"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_does_one_thing(path: Path) -> None:
    lines = len((ROOT / path).read_text("utf-8").splitlines())
    assert lines < MAX_LINES, f"{path} has {lines} lines, fewer than {MAX_LINES} expected: split it"
    assert path.stem not in {"util", "utils", "helpers", "misc", "common"}
