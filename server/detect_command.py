"""``likeness detect``: say what a file is marked with."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from model.frames.watermark_detector import THRESHOLD
from server import detect
from server.credentials import Credentials
from server.detect import DetectError, Findings, Sighting

ERRORS = (DetectError,)
MARKED = 0
NOT_MARKED = 1


def add_options(command: argparse.ArgumentParser) -> None:
    """Give ``likeness detect`` its options; ``run`` takes what was parsed."""
    command.description = (
        "Look for the watermark and for content credentials (C2PA) that say made by AI. Exit status"
        f" {MARKED}: at least one was found, {NOT_MARKED}: none, 2: the file cannot be read."
    )
    command.add_argument("file", type=Path, help="video, or picture")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    findings = detect.examine(options.file)
    if options.json:
        print(json.dumps(_as_json(options.file, findings), indent=1))
    else:
        print(f"watermark    {_describe_watermark(findings.watermark)}")
        print(f"credentials  {_describe_credentials(findings.credentials)}")
        if findings.damage is not None:
            print(f"damaged      {findings.damage}: only what comes before it was looked at")
    return MARKED if findings.is_marked else NOT_MARKED


def _describe_watermark(found: Sighting) -> str:
    if not found.is_found:
        return f"no: score {found.score:.1f} at most, {THRESHOLD} needed"
    return (
        f"yes: score {found.score:.1f}, {THRESHOLD} needed, in {found.frames} frames from"
        f" {found.start_s:.1f} s on"
    )


def _describe_credentials(found: Credentials | None) -> str:
    if found is None:
        return "none"
    says = "made by AI" if found.made_by_ai else "nothing about AI"
    by = f" with {found.generator}" if found.generator else ""
    known = "this installation" if found.own else "not known here"
    if not found.valid:
        return f"NOT VALID ({', '.join(found.problems)}): they say {says}{by}"
    return f"valid: {says}{by}; signed by {found.signer} ({known})"


def _as_json(file: Path, findings: Findings) -> dict[str, object]:
    watermark = findings.watermark
    return {
        "file": str(file),
        "marked": findings.is_marked,
        "watermark": {"found": watermark.is_found, "threshold": THRESHOLD, **asdict(watermark)},
        "credentials": None if findings.credentials is None else asdict(findings.credentials),
        "damage": findings.damage,
    }
