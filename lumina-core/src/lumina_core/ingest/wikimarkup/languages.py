"""Names of the languages that `{{lang-xx}}` introduces."""

from __future__ import annotations

__all__ = ["language_name"]

_NAMES: dict[str, str] = {
    "af": "Afrikaans", "am": "Amharic", "ang": "Old English", "ar": "Arabic", "arc": "Aramaic", "az": "Azerbaijani",
    "be": "Belarusian",
    "bg": "Bulgarian", "bn": "Bengali", "bo": "Tibetan", "br": "Breton", "bs": "Bosnian", "ca": "Catalan",
    "co": "Corsican", "cop": "Coptic",
    "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "dv": "Dhivehi", "el": "Greek", "en": "English",
    "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fil": "Filipino",
    "fr": "French", "frm": "Middle French",
    "fro": "Old French", "fy": "West Frisian", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician",
    "goh": "Old High German",
    "got": "Gothic", "grc": "Ancient Greek", "grc-gre": "Ancient Greek", "gu": "Gujarati", "haw": "Hawaiian",
    "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ku": "Kurdish", "ky": "Kyrgyz",
    "la": "Latin",
    "lb": "Luxembourgish", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mi": "Maori", "mk": "Macedonian",
    "ml": "Malayalam",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese", "nah": "Nahuatl",
    "ne": "Nepali", "nl": "Dutch",
    "nn": "Norwegian", "no": "Norwegian", "nb": "Norwegian", "non": "Old Norse", "oc": "Occitan", "os": "Ossetian",
    "pa": "Punjabi", "pl": "Polish",
    "ps": "Pashto", "pt": "Portuguese", "qu": "Quechua", "rm": "Romansh", "ro": "Romanian", "ru": "Russian",
    "sa": "Sanskrit", "sco": "Scots",
    "sh": "Serbo-Croatian", "si": "Sinhala", "sk": "Slovak", "sl": "Slovene", "sm": "Samoan", "so": "Somali",
    "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "syr": "Syriac", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai",
    "ti": "Tigrinya",
    "tk": "Turkmen", "tl": "Tagalog", "tr": "Turkish", "tt": "Tatar", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek",
    "vi": "Vietnamese",
    "xh": "Xhosa", "yi": "Yiddish", "yo": "Yoruba", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip


def language_name(code: str) -> str:
    """English name of a language, "" where it is not known here."""
    folded = code.lower()
    return _NAMES.get(folded) or _NAMES.get(folded.partition("-")[0], "")
