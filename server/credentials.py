"""Content credentials: what a file says of its origin, signed (C2PA), written and read.

Nothing here uses the network: no remote manifest is fetched, no certificate asked after, no time
stamped by another.
"""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa
from PIL import Image

from server import signing
from server.certificate import CertificateError
from server.config import ConfigError, TrustConfig
from server.signing import SigningIdentity

# IPTC's words for what a model has made, whole or in part.
_SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_PARTLY_SYNTHETIC = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
_GENERATOR = {"name": "Likeness", "version": version("likeness")}
_ACTION = {"action": "c2pa.created", "digitalSourceType": _SYNTHETIC, "softwareAgent": _GENERATOR}
_MANIFEST = {
    "claim_generator_info": [_GENERATOR],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [_ACTION]}}],
}
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
# Whom to believe is the reader's choice and told apart; it makes no signature wrong.
_UNTRUSTED = "signingCredential.untrusted"


class CredentialsError(Exception):
    """A file cannot be signed; says why."""


class CredentialsSigner:
    """Writes into files that a model made them, signed by ``identity``."""

    def __init__(self, identity: SigningIdentity) -> None:
        self._identity = identity

    def sign(self, video: Path, signed: Path) -> None:
        """Copy an MP4 file to ``signed``, with credentials. Raises OSError, CredentialsError."""
        with video.open("rb") as source, signed.open("w+b") as copy:
            try:
                self._sign("video/mp4", source, copy)
            except c2pa.C2paError as error:
                raise CredentialsError(f"cannot sign it: {error}") from error

    def try_out(self) -> None:
        """Sign a picture of one pixel. Raises c2pa.C2paError: C2PA does not take this identity."""
        pixel = io.BytesIO()
        Image.new("L", (1, 1)).save(pixel, "JPEG")
        pixel.seek(0)
        self._sign("image/jpeg", pixel, io.BytesIO())

    def _sign(self, media_type: str, source: io.IOBase, copy: io.IOBase) -> None:
        identity = self._identity
        info = c2pa.C2paSignerInfo(identity.algorithm, identity.chain, identity.key, None)
        with (
            c2pa.Settings.from_dict(_OFFLINE) as settings,
            c2pa.Context(settings) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_MANIFEST, context=context) as builder,
        ):
            builder.sign(signer, media_type, source, copy)


def signer(trust: TrustConfig, now: datetime) -> CredentialsSigner | None:
    """Return what signs as ``trust`` says, tried out; None if nothing is to be signed.

    Raises ConfigError for a given certificate that cannot sign, CertificateError if the own one
    cannot be made or kept.
    """
    if not trust.credentials:
        return None
    if trust.certificate is None or trust.key is None:
        path = signing.kept_at()
        made = CredentialsSigner(signing.own(path, now))
        try:
            made.try_out()
        except c2pa.C2paError as error:
            raise CertificateError(
                f"{path} does not sign ({error}). This file is Likeness's own: delete it, and a"
                " new one is made"
            ) from error
        return made
    given = CredentialsSigner(signing.given(trust.certificate, trust.key, now))
    try:
        given.try_out()
    except c2pa.C2paError as error:
        raise ConfigError(
            f"trust.certificate: {trust.certificate} cannot sign content credentials ({error}):"
            " expected one for document signing or email protection, with its authority's after it"
            " in the file"
        ) from error
    return given


@dataclass(frozen=True)
class Credentials:
    """What a file's credentials say.

    ``signer`` and ``generator`` are "" where nothing is said. ``made_by_ai``: they call it made by
    a model, whole or in part. ``valid``: the signature is right and the file unchanged since;
    ``problems`` are C2PA's codes for what is not. ``own``: signed by this installation.
    """

    signer: str
    generator: str
    made_by_ai: bool
    valid: bool
    own: bool
    problems: tuple[str, ...]


def read(path: Path) -> Credentials | None:
    """Return the credentials in a file; None: it has none, or is of a kind that cannot have any.

    Credentials that cannot be read are returned as not valid.
    """
    settings: dict[str, object] = dict(_OFFLINE)
    kept = signing.kept_at()
    if kept.exists():
        settings["trust"] = {"user_anchors": signing.authority(kept).decode()}
    try:
        with (
            c2pa.Settings.from_dict(settings) as loaded,
            c2pa.Context(loaded) as context,
            c2pa.Reader(str(path), context=context) as reader,
        ):
            return _understand(json.loads(reader.json()))
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return None
    except c2pa.C2paError as error:
        return Credentials("", "", False, False, False, (str(error),))


def _understand(store: dict[str, Any]) -> Credentials:
    """Read what c2pa reports of the active manifest."""
    manifest = store["manifests"][store["active_manifest"]]
    signature = manifest.get("signature_info", {})
    names = [signature.get("issuer"), signature.get("common_name")]
    generator = (manifest.get("claim_generator_info") or [{}])[0]
    sources = [
        action.get("digitalSourceType")
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"].get("actions", [])
    ]
    problems = [item["code"] for item in store.get("validation_status") or []]
    return Credentials(
        signer=", ".join(name for name in names if name),
        generator=" ".join(filter(None, (generator.get("name"), generator.get("version")))),
        made_by_ai=any(source in (_SYNTHETIC, _PARTLY_SYNTHETIC) for source in sources),
        valid=store["validation_state"] in ("Valid", "Trusted"),
        own=store["validation_state"] == "Trusted",
        problems=tuple(code for code in problems if code != _UNTRUSTED),
    )
