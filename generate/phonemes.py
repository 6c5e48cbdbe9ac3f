"""From the voice's phoneme alphabet (misaki's letters for IPA) and unit durations to timed ARPAbet phones."""

from __future__ import annotations

from collections.abc import Sequence

from core.perception.models import Phone

# Diphthongs are single capitals in the misaki alphabet; "T" is the flapped t, made like a quick d.
ARPABET = {
    "A": "EY", "I": "AY", "O": "OW", "Q": "OW", "W": "AW", "Y": "OY",
    "i": "IY", "u": "UW", "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ə": "AH", "ᵊ": "AH", "ɐ": "AH", "ʌ": "AH",
    "e": "EH", "ɛ": "EH", "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "ɔ": "AO", "o": "OW", "ʊ": "UH", "ɜ": "ER", "ɚ": "ER",
    "b": "B", "d": "D", "f": "F", "h": "HH", "j": "Y", "k": "K", "l": "L", "m": "M", "n": "N", "p": "P",
    "r": "R", "s": "S", "t": "T", "v": "V", "w": "W", "z": "Z", "x": "K",
    "ð": "DH", "ŋ": "NG", "ɡ": "G", "ɹ": "R", "ɾ": "D", "T": "D", "ʔ": "T", "ʃ": "SH", "ʒ": "ZH",
    "ʤ": "JH", "ʧ": "CH", "θ": "TH", "ʣ": "Z", "ʦ": "S",
}  # fmt: skip
_LEAN_FORWARD = frozenset("ˈˌ")  # a stress mark's time belongs to the sound after it
_LEAN_BACK = frozenset("ːʰʲ̃ᵝ")  # length and release belong to the sound before
_SPACE_IS_SILENCE = 0.075  # seconds; a shorter gap between words is no pause of the lips


def timed_phones(symbols: Sequence[str], seconds: Sequence[float], start: float) -> list[Phone]:
    """ARPAbet phones without gaps.

    Args:
        symbols: one letter of the voice's alphabet each; "" for the silence at either end.
        seconds: how long each lasts. start: where the first begins.
    """
    phones: list[Phone] = []
    time, carried = start, 0.0
    for symbol, length in zip(symbols, seconds, strict=True):
        t1 = time + length
        if symbol in ARPABET:
            phones.append(Phone(ARPABET[symbol], time - carried, t1))
            carried = 0.0
        elif symbol in _LEAN_FORWARD:
            carried += length
        elif phones and (symbol in _LEAN_BACK or (symbol == " " and length < _SPACE_IS_SILENCE)):
            phones[-1] = Phone(phones[-1].symbol, phones[-1].t0, t1 - 0.0)
        elif length > 0:
            phones.append(Phone("SIL", time, t1))
        time = t1
    return joined(phones)


def joined(phones: Sequence[Phone]) -> list[Phone]:
    """Neighbouring silences made one; phones of no length dropped."""
    out: list[Phone] = []
    for phone in phones:
        if phone.t1 - phone.t0 <= 1e-9:
            continue
        if out and out[-1].symbol == phone.symbol == "SIL":
            out[-1] = Phone("SIL", out[-1].t0, phone.t1)
        else:
            out.append(phone)
    return out
