"""What the tests take from the system's packages (Debian, Ubuntu)."""

import os
import platform
import shutil
import subprocess


def can_install() -> bool:
    """Whether there are apt and the right to use it."""
    has_root = os.geteuid() == 0 or shutil.which("sudo") is not None
    return has_root and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages with apt.

    Raises:
        subprocess.CalledProcessError: apt failed; it has printed why.
    """
    apt = [*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-qq"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *packages], check=True)


def is_debian() -> bool:
    """Whether this is Debian itself, not one of its children."""
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False
