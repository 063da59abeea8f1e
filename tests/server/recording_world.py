"""Servers that record, those who ask them to, and what they get."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import httpx

from server.config import Config
from server.keys import Scope
from server.outgoing_config import RecordingConfig
from tests.server.conftest import CONFIG, Running
from tests.server.media import decoded

RECORDING = "/v1/avatars/first/recording"


def config_for(folder: Path, *, everything: bool = False) -> Config:
    return dataclasses.replace(
        CONFIG, recording=RecordingConfig(folder=folder, everything=everything)
    )


def key(running: Running, name: str, *scopes: Scope) -> httpx.AsyncClient:
    secret = running.keys.add(name, frozenset(scopes), datetime.now(UTC), None)
    return running.client("192.0.2.7", secret)


def play(tmp_path: Path, response: httpx.Response) -> None:
    """Check that what was downloaded has moving pictures and sound."""
    assert response.status_code == 200
    path = tmp_path / "played"
    path.write_bytes(response.content)
    pictures, rms = decoded(path)
    assert pictures > 5
    assert rms > 0.05
