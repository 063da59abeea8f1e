"""The Chromium that the browser tests drive: find the user's, or install one.

`python -m tests.browser.chromium` makes sure there is one and prints its path.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

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
    root = [] if os.geteuid() == 0 else ["sudo"]
    if _is_debian() and (not root or shutil.which("sudo")):
        apt = [*root, "apt-get", "-qq"]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", "chromium"], check=True)
        return
    with_libraries = ["--with-deps"] if shutil.which("apt-get") else []
    command = [sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"]
    subprocess.run(command, check=True)


def _usable(path: Path) -> bool:
    if not path.exists() or "snap" in path.resolve().parts or path.resolve().name == "snap":
        return False
    answer = subprocess.run([path, "--version"], capture_output=True, text=True)
    return answer.returncode == 0 and "snap" not in answer.stdout.lower()


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False


def main() -> int:
    """Print the browser's path, installing one first if there is none."""
    if find() is None:
        print("No Chromium or Chrome found for the browser tests: installing one.", flush=True)
        try:
            install()
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            print(error, file=sys.stderr)
    browser = find()
    if browser is None:
        print(
            "The browser tests need Chromium or Chrome, and none could be installed. Install one"
            " (Debian: apt install chromium) or set CHROMIUM=/path/to/it, and run make again.",
            file=sys.stderr,
        )
        return 1
    print(f"browser tests use {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
