"""Personal fields: a value is a name, a place, a number, and nothing else (trust step 2).

Letters of any script are welcome, each word in one script. What is refused is what makes a field into
something other than data: markup, digits in a name, a sentence where a name should be, endless length.
Contact details, prompt markers and template syntax are rules of the base pack.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

from core.errors import InputError
from core.models import Finding, Span
from policy.fold import fold
from policy.models import FieldRule

_CITATION = "Greenroom field policy: fields are data, never template or prompt"
# Two of these in a name of three words or more make a sentence. Words that are also names are left out.
_SENTENCE_WORDS = (
    "a the this that these those your our their its is was were be been being has have had can could should "
    "would must shall not and or but if then than when where who what why how at by for from with without about "
    "into over under again once here there all any both each few more most other some such no nor only own same "
    "so too very just because until while of as say says tell speak please"
)
_SENTENCE = frozenset(_SENTENCE_WORDS.split())


def field_findings(
    text: str, fields: Sequence[tuple[str, int, int]], rules: Sequence[FieldRule]
) -> list[Finding]:
    """Charset, length and word count of every field."""
    findings: list[Finding] = []
    for name, start, end in fields:
        rule = field_rule(name, rules)
        value = text[start:end]
        where = Span(source="field", start=start, end=end, text=value[:200])
        if not value.strip():
            findings.append(_finding("field_empty", "review", name, "is empty", where))
            continue
        if len(value) > rule.max_length:
            findings.append(
                _finding(
                    "field_too_long", "block", name, f"is longer than {rule.max_length} characters", where
                )
            )
            continue
        words = value.split()
        if len(words) > rule.max_words:
            findings.append(_finding("field_too_many_words", "review", name, "has too many words", where))
        bad = [index for index, character in enumerate(value) if not _allowed(character, rule)]
        if bad:
            spot = Span(
                source="field",
                start=start + bad[0],
                end=start + bad[-1] + 1,
                text=value[bad[0] : bad[-1] + 1],
            )
            severity: Literal["review", "block"] = (
                "block" if any(value[i] in "<>{}[]|\\@\n\r" for i in bad) else "review"
            )
            findings.append(
                _finding("field_characters", severity, name, f"has characters that no {rule.kind} has", spot)
            )
        if rule.kind in ("name", "place") and len(words) >= 3:
            plain = [word.strip(".,'") for word in fold(value).text.split()]
            if sum(word in _SENTENCE for word in plain) >= 2:
                findings.append(
                    _finding("field_is_a_sentence", "review", name, "reads like a sentence", where)
                )
    return findings


def field_rule(name: str, rules: Sequence[FieldRule]) -> FieldRule:
    """The rule for a field of this name; the pack's ``*`` rule for a name that no rule lists."""
    wanted = name.lower()
    for rule in rules:
        if wanted in rule.names:
            return rule
    for rule in rules:
        if "*" in rule.names:
            return rule
    raise InputError("no rule speaks of this field", where=name[:60])


def _allowed(character: str, rule: FieldRule) -> bool:
    if character == " " or character in rule.punctuation:
        return True
    category = unicodedata.category(character)
    if category[0] in "LM":
        return True
    if category == "Cf":
        return True  # reported once, by policy.characters, in its own words
    return rule.digits and category == "Nd"


def _finding(code: str, severity: Literal["review", "block"], name: str, what: str, where: Span) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        message=f"The field '{name[:60]}' {what}.",
        spans=(where,),
        hint="Correct the value, or leave the field out and use the template's fallback.",
        citation=_CITATION,
        rule=f"greenroom:{code}",
    )
