"""Sentences for synthetic speech: short texts in many languages, and random English."""

# ruff: noqa: RUF001 - letters of other alphabets are meant

from pathlib import Path

import numpy as np
from pocketsphinx import get_model_path

TEXTS: dict[str, str] = {
    "de": "Guten Morgen, mein Freund. Möchten Sie heute Abend über die Brücke spazieren gehen? "
    "Das Pferd frisst früh am Morgen viel Heu. Wir brauchen fünf Äpfel und ein bisschen Butter.",
    "fr": "Bonjour, comment allez-vous aujourd'hui? Je voudrais un peu de beurre et du pain. "
    "La lune brille au-dessus de la mer profonde. Nous avons vu deux oiseaux bleus.",
    "es": "Buenos días, ¿cómo está usted? El perro corre por el parque con mucha alegría. "
    "Mañana vamos a comprar pan, vino y queso. Me gusta mucho la música de mi abuela.",
    "it": "Buongiorno, come va la vita? Vorrei bere un bicchiere di acqua fresca. "
    "La mamma prepara la pasta con il pomodoro. Questo film è davvero molto bello.",
    "pt-br": "Bom dia, tudo bem com você? O menino comeu uma maçã e bebeu leite. "
    "A praia fica longe da minha casa. Amanhã vamos viajar para o sul do país.",
    "nl": "Goedemorgen, hoe gaat het met u? De hond loopt door het grote park. "
    "Wij kopen morgen brood, boter en kaas. Het water in de sloot is diep en koud.",
    "pl": "Dzień dobry, jak się pan dzisiaj czuje? Moja babcia piecze bardzo dobre ciasto. "
    "Pociąg do Warszawy odjeżdża o piątej. Chłopiec bawi się piłką w parku.",
    "ru": "Доброе утро, как ваши дела? Моя бабушка живёт в большом городе. "
    "Мы пойдём в магазин и купим молоко. Поезд отправляется в пять часов вечера.",
    "tr": "Günaydın, bugün nasılsınız? Büyük köpek bahçede koşuyor. "
    "Yarın pazardan ekmek, peynir ve üzüm alacağız. Denizin mavisi çok güzel görünüyor.",
    "cmn-latn-pinyin": "ni3 hao3, jin1 tian1 tian1 qi4 zen3 me5 yang4? "
    "wo3 de5 peng2 you3 zhu4 zai4 bei3 jing1. wo3 men5 ming2 tian1 qu4 mai3 mian4 bao1 "
    "he2 shui3 guo3. ma1 ma5 xi3 huan1 yin1 yue4.",
    "ko": "안녕하세요, 오늘 기분이 어떠세요? 우리 아버지는 바다를 좋아합니다. "
    "내일 시장에서 빵과 우유를 살 거예요. 이 영화는 정말 재미있습니다.",
    "hi": "नमस्ते, आप कैसे हैं? मेरी माँ बहुत अच्छा खाना बनाती है। "
    "हम कल बाज़ार से फल और दूध लाएँगे। पानी बहुत ठंडा है।",
    "sv": "God morgon, hur mår du idag? Min mormor bakar goda bullar. "
    "Vi ska köpa bröd, smör och ost imorgon. Båten seglar över den blåa sjön.",
    "fi": "Hyvää huomenta, mitä kuuluu? Minun äitini leipoo hyvää pullaa. "
    "Ostamme huomenna leipää, voita ja juustoa. Pöydällä on yksi sininen kukka.",
    "el": "Καλημέρα, τι κάνετε σήμερα; Η γιαγιά μου μένει σε μια μεγάλη πόλη. "
    "Αύριο θα αγοράσουμε ψωμί και γάλα. Η θάλασσα είναι πολύ όμορφη.",
    "ar": "صباح الخير، كيف حالك اليوم؟ أبي يحب البحر والموسيقى. "
    "سوف نشتري الخبز والحليب غدا. هذا البيت كبير وجميل.",
    "ja": "おはようございます、おげんきですか。わたしのははは、ぱんをやきます。"
    "あしたは、ともだちとうみへいきます。このほんは、とてもおもしろいです。",
    "vi": "Xin chào, hôm nay bạn có khỏe không? Mẹ tôi nấu ăn rất ngon. "
    "Ngày mai chúng tôi đi mua bánh mì và sữa. Biển xanh và đẹp lắm.",
    "id": "Selamat pagi, apa kabar hari ini? Ibu saya memasak nasi dan ikan. "
    "Besok kami pergi membeli roti dan buah. Pemandangan di pantai sangat indah.",
    "sw": "Habari za asubuhi, unaendeleaje? Mama yangu anapika chakula kizuri. "
    "Kesho tutaenda sokoni kununua mkate na maziwa. Bahari ni nzuri sana.",
    "en-us": "Good morning, how are you today? Please bring my big brother some warm bread. "
    "The music moves me every time. People believe what they want to believe.",
    "en": "Perhaps we could meet by the bridge before supper. Both of them were very fond of "
    "apple pie. My grandmother bought a blue umbrella. Whose voice is that?",
}  # fmt: skip

_FRAMES = (
    "the {} {} of a {} is not {}",
    "would you {} the {} before {} and {}?",
    "my {} and I {} about {} every {}",
    "{} people, {} places, and {}: {}",
    "it was {} that {} made them {} the {}",
    "we {} for {}, but {} came {}",
    "please {} {} with {} and {} now",
    "{} {} {} {}",
)


class EnglishSentences:
    """Random English-like sentences over the words of pocketsphinx's CMU dictionary."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        dictionary = Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8")
        heads = (line.split(maxsplit=1)[0] for line in dictionary.splitlines())
        self._words = [w for w in heads if w.isalpha() and w.isascii() and 3 <= len(w) <= 9]

    def next(self) -> str:
        """One sentence."""
        frame = _FRAMES[self._rng.integers(len(_FRAMES))]
        words = self._rng.choice(self._words, frame.count("{}"))
        return frame.format(*words).capitalize() + ("" if frame.endswith("?") else ".")


def shuffled(text: str, rng: np.random.Generator) -> str:
    """The text's words in another order, in pieces of four to eight, a comma between them."""
    words = [word.strip(".,;:?!¿。，、？；؟।") for word in text.split()]
    rng.shuffle(words)
    pieces = []
    while words:
        count = int(rng.integers(4, 9))
        pieces.append(" ".join(words[:count]))
        words = words[count:]
    return ", ".join(pieces) + "."
