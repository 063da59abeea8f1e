"""The configuration of what leaves besides calls and viewers: recordings, and other servers."""

import dataclasses
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from server import web_address

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RecordingConfig:
    """Recordings of calls and performances.

    ``folder`` None: ``recordings`` in the user's data folder. ``everything``: each call and each
    performance is recorded, not only those for which somebody asks. One lasts ``max_minutes`` at
    most, and of ``everything`` the next follows then; all together take ``max_bytes`` at most. A
    disk may be ``queue_ms`` behind.
    """

    folder: Path | None = None
    everything: bool = False
    max_minutes: Annotated[float, Field(gt=0, le=10_000)] = 120.0
    max_bytes: Annotated[int, Field(ge=1_000)] = 10_000_000_000
    queue_ms: Annotated[float, Field(ge=200, le=10_000)] = 2000.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PublishConfig:
    """A WHIP server that an avatar's picture and voice are sent to, always.

    ``avatar`` None: the default portrait. ``token``: the bearer that the server wants.
    """

    # Without user and password: those would be shown with the address.
    url: Annotated[
        str,
        Field(pattern=r"^https?://[^\s/@?#]+([/?][^\s#]*)?$", max_length=2048),
        AfterValidator(web_address.check),
    ]
    avatar: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$")] | None = dataclasses.field(
        default=None, repr=False
    )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PushConfig:
    """How avatars that are sent on come back after a loss.

    The first time after ``first_retry_s``, then after twice as long each time, up to
    ``max_retry_s``, less up to half by chance. A server that says when is asked no sooner, but is
    not waited for longer than ``max_retry_s`` either. One that refuses (401, 404) is asked again
    after ``refused_retry_s``. ``max_attempts`` that fail in a row; None: for ever.
    """

    first_retry_s: Annotated[float, Field(ge=0.1, le=3600)] = 1.0
    max_retry_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    refused_retry_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    max_attempts: Annotated[int, Field(ge=1)] | None = None
