"""A process that signs one recording: ``python -m server.sign_recording MEDIA SIGNED [CERT KEY]``.

A process of its own, since it computes for a minute on two hours of media, and gives way to
whatever is live: a thread that gives way would hold Python's lock while it does. It says on stderr
why it could not, and returns 1 then. It ends with its stdin, so with the server.
"""

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

_GIVES_WAY = 19

if __name__ == "__main__":
    # Before the imports: they take a quarter of a second of a core that live calls may need.
    os.setpriority(os.PRIO_PROCESS, 0, _GIVES_WAY)

from server import credentials  # noqa: E402
from server.certificate import CertificateError  # noqa: E402
from server.config import ConfigError, TrustConfig  # noqa: E402
from server.credentials import CredentialsError  # noqa: E402


def main(media: Path, signed: Path, trust: TrustConfig) -> int:
    """Write a copy of ``media`` with credentials to ``signed``, safe from a power cut."""
    try:
        signer = credentials.signer(trust, datetime.now(UTC))
        if signer is None:
            raise CredentialsError("found trust.credentials = false, expected true")
        signer.sign(media, signed)
        with signed.open("rb") as file:
            os.fsync(file.fileno())
    except (CertificateError, ConfigError, CredentialsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def end_with_stdin() -> None:
    """End the process when whoever began it is gone."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    paths = [Path(argument) for argument in sys.argv[1:]]
    certificate, key = paths[2:] or (None, None)
    sys.exit(main(paths[0], paths[1], TrustConfig(certificate=certificate, key=key)))
