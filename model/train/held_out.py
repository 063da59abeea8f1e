"""Who validates: voices and files that are in no training, and filmed people who are.

Nobody has listened to all recordings of `train` for the people of these files.
"""

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

# DATA is split by files, not by people. Of these speakers of `val` (column `speaker`), `train` has
# other clips, or the same footage: they prove nothing about people never seen. GRID s1, whose
# new sentences are what is asked there, is told apart. All speakers of `val` were
# compared with all of `train` by their names, and by a frame of each, side by side.
SEEN_IN_TRAINING = {
    "politicians_public-deerajnago__obama": "Obama, the footage of train's soloG123__DC2_obama",
    "politicians_public-MrWhite429__data_trump2": "Trump, in three files of train",
    "grid-s2": "by face, hair and shirt, train's grid-AnshSareen_ideos_video_20251207_154307",
}


def is_seen_in_training(speaker: str) -> bool:
    """Whether any file of `train` shows this person."""
    return speaker in SEEN_IN_TRAINING or speaker == "grid-s1"
