"""Voices of a speech server that speaks OpenAI's interface: ``POST <url>/audio/speech``.

It is asked for WAV, which says its sample rate, and its answer is passed on while it arrives.
"""

from http import HTTPStatus

import httpx

from server.config import SpeechConfig
from server.tts import SpeechError, Spoken
from server.wav_stream import WavError, WavStream
from streaming.speech import RATES

# Of one sentence, which is far shorter than this.
_MAX_SENTENCE_S = 120
_MAX_ERROR_BYTES = 2000
_MAX_TOLD_CHARS = 200


class RemoteVoice:
    """See Synthesizer. ``transport``: instead of the network, for tests."""

    def __init__(
        self, config: SpeechConfig, url: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._config = config
        self._url = url.rstrip("/") + "/audio/speech"
        key = config.api_key
        self._http = httpx.AsyncClient(
            timeout=config.timeout_s,
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            transport=transport,
            # No proxy or passwords of the environment: what is configured, and no more.
            trust_env=False,
        )

    async def speak(self, text: str, voice: str | None) -> Spoken:
        """See Synthesizer."""
        wish = {
            "model": self._config.model,
            "input": text,
            "voice": voice or self._config.voice,
            "response_format": "wav",
        }
        try:
            async with self._http.stream("POST", self._url, json=wish) as response:
                if response.status_code != HTTPStatus.OK:
                    raise _failed(f"answered {response.status_code}: {await _reason(response)}")
                async for piece in _samples(response):
                    yield piece
        except httpx.TimeoutException as error:
            raise _away(f"did not answer within {self._config.timeout_s:g} s") from error
        except httpx.ConnectError as error:
            raise _away("cannot be reached") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise _away("has no address that can be asked, or redirects to none") from error
        except httpx.HTTPError as error:
            raise _failed(f"broke off its answer ({type(error).__name__})") from error
        except WavError as error:
            raise _failed(f"did not answer with a WAV file: {error}") from error

    async def warm_up(self) -> None:
        """See Synthesizer: nothing."""

    async def aclose(self) -> None:
        """See Synthesizer."""
        await self._http.aclose()


async def _samples(response: httpx.Response) -> Spoken:
    wav, samples = WavStream(), 0
    async for data in response.aiter_bytes():
        pcm = wav.push(data)
        if wav.sample_rate and wav.sample_rate not in RATES:
            known = ", ".join(map(str, RATES))
            raise _failed(f"speaks at {wav.sample_rate} Hz, expected one of {known}")
        samples += len(pcm)
        if samples > _MAX_SENTENCE_S * wav.sample_rate > 0:
            raise _failed(f"speaks one sentence for more than {_MAX_SENTENCE_S} s")
        if len(pcm):
            yield wav.sample_rate, pcm
    if not wav.sample_rate:
        raise WavError("it ends before its samples")


async def _reason(response: httpx.Response) -> str:
    body = b""
    async for data in response.aiter_bytes():
        body += data
        if len(body) > _MAX_ERROR_BYTES:
            break
    return " ".join(body.decode(errors="replace").split())[:_MAX_TOLD_CHARS] or "no reason"


def _away(what: str) -> SpeechError:
    return SpeechError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "speech-server-away",
        f"the speech server {what}: check that it runs, and speech.url",
    )


def _failed(what: str) -> SpeechError:
    return SpeechError(HTTPStatus.BAD_GATEWAY, "speech-failed", f"the speech server {what}")
