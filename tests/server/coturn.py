"""A TURN server, coturn: run it, or install it.

`python -m tests.server.coturn` makes sure that there is one where its tests can run: they need
root, for network namespaces.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import packages
from tests.server.namespaces import Host

PORT = 3478
_DEADLINE_S = 20
_RETRY_S = 0.05
_INIT_SCRIPT = Path("/etc/init.d/coturn")


@contextlib.contextmanager
def coturn(host: Host, address: str, folder: Path, *authentication: str) -> Iterator[Path]:
    """Run it on ``host`` at ``address``; yields its log. ``folder`` keeps what it writes."""
    log = folder / "coturn.log"
    command = host.command(
        "turnserver", "-n", "--verbose", "--no-cli", "--no-tls", "--no-dtls", "--realm=likeness",
        f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={PORT}",
        f"--userdb={folder / 'turn.db'}", f"--pidfile={folder / 'turn.pid'}",
        f"--log-file={log}", "--simple-log", *authentication,
    )  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            host.submit(_until_open(address)).result()
            yield log
        finally:
            process.terminate()


async def _until_open(address: str) -> None:
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(address, PORT)
            except ConnectionRefusedError:
                await asyncio.sleep(_RETRY_S)
            else:
                writer.close()
                return


def install() -> None:
    """Install coturn and iproute2, and see to it that coturn runs for tests only.

    Its package starts a service, which whoever wants it gets back by `systemctl unmask coturn`.

    Raises:
        subprocess.CalledProcessError: the installer failed; it has printed why.
    """
    if shutil.which("systemctl") is not None:
        subprocess.run(["systemctl", "--quiet", "mask", "coturn.service"], check=True)
    packages.install("coturn", "iproute2")
    if _INIT_SCRIPT.exists():  # where it is not systemd that starts services
        subprocess.run(["update-rc.d", "coturn", "disable"], check=True)
        subprocess.run([_INIT_SCRIPT, "stop"], stdout=subprocess.DEVNULL, check=True)


def main() -> int:
    """Say whether the tests of TURN will run, installing what is missing first."""
    if os.geteuid() != 0:
        print("tests of TURN are skipped: they need Linux, and root")
        return 0
    present = all(shutil.which(name) for name in ("turnserver", "ip"))
    if not present and packages.can_install():
        print("No coturn found for the tests of TURN: installing it.", flush=True)
        try:
            install()
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            return 1
    elif not present:
        print("tests of TURN are skipped: install coturn and iproute2 for them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
