"""Voices and files whose people are heard in validation only."""

VAL_FLITE_VOICE = "awb"
VAL_KOKORO_VOICE = "jf_tebukuro"
VAL_LANGUAGES = ("fi", "ko")
# How the names of files of the speech set begin.
VAL_SPEECH_PREFIXES = (
    "Audio2Face-3D-Samples-example_audio_Mark",
    "SadTalker-examples_driven_audio_fayu",
    "SadTalker-examples_driven_audio_japanese",
    "SadTalker-examples_driven_audio_RD_Radio34",
    "hallo-examples_driving_audios_3",
    "hallo3-examples_inference_audios_0009",
    "MuseTalk-data_audio_yongen",
    "JoyVASA-assets_examples_audios_joyvasa_004",
    "echomimic-assets_test_audios_yun",
    "LiveAvatar-examples_cyclops",
    "KDTalker-example_audio_driven_WDA_BenCardin1",
)
