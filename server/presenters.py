"""The presenters of all avatars, and what they speak with."""

import asyncio
from functools import partial
from http import HTTPStatus

from server.performances import Performances
from server.presenter import Presenter
from server.problems import Problem
from server.sentences import split
from server.services import Services
from server.speech import Sentence, Speech
from server.tts import Synthesizer


class Presenters:
    """Owns the presenters' tasks and the ``synthesizer``; ``aclose`` ends them."""

    def __init__(
        self, services: Services, performances: Performances, synthesizer: Synthesizer
    ) -> None:
        self.synthesizer = synthesizer
        self._services = services
        self._performances = performances
        self._presenters: dict[str, Presenter] = {}
        self._warming: asyncio.Task[None] | None = None

    async def get(self, name: str) -> Presenter:
        """The presenter of the avatar ``name``, live or not. Raises Problem 404."""
        await self._services.avatars.check_known(name)
        return self._of(name)

    async def say(self, name: str, speeches: list[Speech], owner: str | None) -> list[Sentence]:
        """Queue ``speeches`` of the key ``owner``, and let the avatar be live for it.

        When nothing else is to be said first, wait until the first of them is sound. Raises
        Problem: 404 no such avatar, 409 it speaks for somebody else, 422, 502 or 503 SpeechError,
        503 the queue, or the server, is full.
        """
        await self.get(name)
        # Last of what waits: a performance that nobody uses may end at any time, and a presenter be
        # forgotten, which nobody could stop then.
        async with self._performances.opened(name, owner) as performance:
            presenter = self._of(name)
            is_first = presenter.is_idle
            sentences = presenter.say(performance, speeches, owner)
            if is_first and (error := await sentences[0].batch.first) is not None:
                raise error
            return sentences

    def speeches(self, text: str, voice: str | None, pause_ms: int) -> list[Speech]:
        """Return the sentences of ``text``, the last of them with the pause.

        Raises Problem 422: too long, or nothing in it that can be spoken.
        """
        most = self._services.config.speech.max_text_chars
        if len(text) > most:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "text-too-long",
                f"found {len(text)} characters, expected at most {most}: send it in parts",
            )
        sentences = split(text)
        if not sentences:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "empty-text",
                "found no letter or digit in the text, expected something to say",
            )
        last = len(sentences) - 1
        return [
            Speech(
                sentence,
                partial(self.synthesizer.speak, sentence, voice),
                pause_ms if index == last else 0,
            )
            for index, sentence in enumerate(sentences)
        ]

    def expect_speech(self) -> None:
        """Let the synthesizer get ready, once: somebody is about to say something."""
        if self._warming is None:
            self._warming = asyncio.create_task(self.synthesizer.warm_up(), name="warm voice")

    def close_listeners(self) -> None:
        """Let everybody go who listens: a server that stops waits for them."""
        for presenter in self._presenters.values():
            presenter.listeners.close()

    async def aclose(self) -> None:
        """End them all, and the synthesizer."""
        for presenter in self._presenters.values():
            presenter.stop()
        self.close_listeners()
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self.synthesizer.aclose()

    def _of(self, name: str) -> Presenter:
        if name not in self._presenters:
            self._forget_idle()
            config = self._services.config
            self._presenters[name] = Presenter(
                name,
                config.speech.max_sentences,
                config.performance.max_speech_s * 1000,
                config.call.idle_timeout_s,
            )
        return self._presenters[name]

    def _forget_idle(self) -> None:
        for name, presenter in tuple(self._presenters.items()):
            if presenter.is_idle and not len(presenter.listeners):
                del self._presenters[name]
