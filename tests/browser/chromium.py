"""The Chromium that the browser tests drive: find the user's, or install one.

`python -m tests.browser.chromium` makes sure there is one and prints its path.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests import packages

PLAYWRIGHT = (sys.executable, "-m", "playwright")
NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
MAC_APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)


def find() -> Path | None:
    """Return the browser to test with, or None; the environment's `CHROMIUM` goes before all."""
    if chosen := os.environ.get("CHROMIUM"):
        return Path(chosen)
    named = [Path(path) for name in NAMES if (path := shutil.which(name))]
    if own := next((path for path in (*named, *MAC_APPLICATIONS) if _usable(path)), None):
        return own
    with sync_playwright() as playwright:
        downloaded = Path(playwright.chromium.executable_path)
    return downloaded if _usable(downloaded) else None


def install() -> None:
    """Install a Chromium: Debian's own package there, Playwright's build elsewhere.

    Ubuntu's package is a stub for a snap, whose sandbox hides the tests' files from the browser.

    Raises:
        subprocess.CalledProcessError: the installer failed; it has printed why.
    """
    if packages.is_debian() and packages.can_install():
        packages.install("chromium")
        return
    with_libraries = ["--with-deps"] if packages.can_install() else []
    command = [*PLAYWRIGHT, "install", *with_libraries, "chromium"]
    subprocess.run(command, check=True)


def install_driver_library() -> None:
    """Give Playwright's driver, a Node.js, the one library that a bare Debian or Ubuntu lacks.

    Raises:
        subprocess.CalledProcessError: the driver does not run, or the library was not installed.
    """
    if subprocess.run([*PLAYWRIGHT, "--version"], capture_output=True).returncode == 0:
        return
    if packages.can_install():
        packages.install("libatomic1")
    subprocess.run([*PLAYWRIGHT, "--version"], check=True)


def _usable(path: Path) -> bool:
    if not path.exists() or "snap" in path.resolve().parts or path.resolve().name == "snap":
        return False
    answer = subprocess.run([path, "--version"], capture_output=True, text=True)
    return answer.returncode == 0 and "snap" not in answer.stdout.lower()


def main() -> int:
    """Print the browser's path, installing what is missing first."""
    try:
        install_driver_library()
        if find() is None:
            print("No Chromium or Chrome found for the browser tests: installing one.", flush=True)
            install()
    except subprocess.CalledProcessError as error:
        print(error, file=sys.stderr)
        browser = None
    else:
        browser = find()
    if browser is None:
        print(
            "The browser tests need Chromium or Chrome, and it could not be set up. Install it"
            " (Debian: apt install chromium libatomic1) or set CHROMIUM=/path/to/it, and run make"
            " again.",
            file=sys.stderr,
        )
        return 1
    print(f"browser tests use {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
