import numpy as np
import pytest

from server.built_in_voice import SAMPLE_RATE, VOICE, BuiltInVoice
from server.tts import SpeechError


async def test_speaks_a_sentence_soon_after_it_begins() -> None:
    voice = BuiltInVoice()
    await voice.warm_up()
    [(rate, pcm)] = [piece async for piece in voice.speak("The boy was there.", VOICE)]
    [(_, again)] = [piece async for piece in voice.speak("The boy was there.", None)]
    await voice.aclose()
    assert rate == SAMPLE_RATE
    assert pcm.dtype == np.int16
    assert 0.8 < len(pcm) / rate < 3
    # Not longer than its lead, else the listener waits for nothing.
    assert np.flatnonzero(np.abs(pcm) > 0.01 * 32_767)[0] / rate == pytest.approx(0.04, abs=0.001)
    np.testing.assert_array_equal(pcm, again)


@pytest.mark.parametrize("text", ["你好", "你好世界 hello.", "Привет, как дела?", "The angle λ."])
async def test_letters_that_it_has_no_sound_for_are_named(text: str) -> None:
    voice = BuiltInVoice()
    with pytest.raises(SpeechError, match=r"no sound for '(你好|你好世界|Приветкакдела|λ)'"):
        await anext(voice.speak(text, None))
    await voice.aclose()


async def test_other_voices_are_told_to_be_unknown() -> None:
    voice = BuiltInVoice()
    with pytest.raises(SpeechError, match="'emma', expected 'heart'"):
        await anext(voice.speak("Hello.", "emma"))
    await voice.aclose()


@pytest.mark.parametrize(
    "text",
    ["A café in Zürich.", "Don\u02bct.", "The 1\u00ba \ufb01le.", "\uff37\uff49\uff44\uff45."],
)
async def test_latin_letters_of_all_forms_are_spoken(text: str) -> None:
    voice = BuiltInVoice()
    [(_, pcm)] = [piece async for piece in voice.speak(text, None)]
    await voice.aclose()
    assert len(pcm) > 0


async def test_a_number_without_a_name_is_told_and_the_next_text_spoken() -> None:
    voice = BuiltInVoice()
    with pytest.raises(SpeechError, match="no sound for 'The number is 123456") as refused:
        await anext(voice.speak(f"The number is {'1234567890' * 4}.", None))
    assert refused.value.status == 422
    [(_, pcm)] = [piece async for piece in voice.speak("The boy was there.", None)]
    await voice.aclose()
    assert len(pcm) > 0
