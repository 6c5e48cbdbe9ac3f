"""Checking a composed text against the packs of its brand and its territory (trust step 3).

The text is checked as it will be spoken, fields and template together, on a folded view; findings point at
the original characters. Nothing passes by accident: an empty or endless text, an unknown pack, an
unsupported language or territory are findings or errors, never a pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import InputError
from core.models import Finding, Span, Verdict
from policy.characters import character_findings
from policy.fields import field_findings, field_rule
from policy.fold import Folded, fold
from policy.models import FieldKind, FieldLike, PolicyReport
from policy.packs import CompiledRule, RuleSet, rule_set, territory_pack
from policy.phrases import NUMBER_WORDS, Phrase
from policy.words import Token, tokens

MAX_TEXT = 20_000  # characters; about twenty minutes of speech
MAX_FIELDS = 200
MAX_FINDINGS = 200

KindSpan = tuple[FieldKind, int, int]
Hit = tuple[CompiledRule, int, int, str]  # rule, original start, original end, how it was read


def check_text(
    text: str,
    *,
    pack: str,
    territory: str,
    language: str = "en",
    fields: Sequence[FieldLike] = (),
    facts: Mapping[str, Any] | None = None,
) -> PolicyReport:
    """Check one composed script.

    Args:
        text: the composed text, as it will be spoken.
        pack: the brand's rule pack, such as ``consumer-products``.
        territory: ``in``, ``eu`` (or a member state), ``us``; another one is a review.
        language: BCP 47; a language that the packs were not written for is a review.
        fields: the personal fields inside the text (name, start, end).
        facts: what is known of the campaign: ``competitors`` (names), ``substantiated`` (claims with
            evidence on file), ``visible_label`` (bool).

    Raises:
        PackError: an unknown or broken pack. InputError: field spans outside the text, or crossing.
    """
    known = dict(facts or {})
    spans = _checked_fields(text, fields)
    names = [pack]
    local = territory_pack(territory)
    if local is not None:
        names.append(local)
    rules = rule_set(names)
    findings: list[Finding] = []
    if local is None:
        findings.append(_plain("territory_without_pack", "review", "No rule pack covers this territory."))
    if language.split("-", maxsplit=1)[0].lower() not in rules.locales:
        findings.append(
            _plain("language_unsupported", "review", "The rule packs were not written for this language.")
        )
    if len(text) > MAX_TEXT:
        findings.append(_plain("text_too_long", "block", f"A script is at most {MAX_TEXT:,} characters."))
    elif not fold(text).text.strip():
        findings.append(_plain("text_empty", "block", "There is no text to check."))
    else:
        findings += _check(text, spans, rules, known)
    findings = _ordered(findings)
    verdicts = [Verdict.PASS, *(Verdict(f.severity) for f in findings if f.severity != "note")]
    return PolicyReport(verdict=Verdict.worst(verdicts), findings=tuple(findings), packs=rules.packs)


def matching_rules(text: str, rules: RuleSet) -> set[str]:
    """Ids of the rules whose terms or patterns a text matches; what a pack's examples are run through."""
    folded = fold(text)
    plain = rule_hits(folded, rules, (), {})
    # A rule over fields alone reads the example as a field of the first kind that it names.
    as_field = [
        hit
        for kind in {hit.rule.match.only_fields[:1] for hit in rules.rules} - {()}
        for hit in rule_hits(folded, rules, [(kind[0], 0, len(text))], {})
        if hit[0].rule.match.only_fields
    ]
    return {hit[0].rule.id for hit in [*plain, *as_field]}


def rule_hits(
    folded: Folded, rules: RuleSet, fields: Sequence[KindSpan], facts: Mapping[str, Any]
) -> list[Hit]:
    """Every match of every rule, as spans of the original text. ``fields``: kind, start, end."""
    if not folded.text.strip():
        return []
    read = tokens(folded, rules.vocabulary, [(start, end) for _, start, end in fields])
    hits: list[Hit] = []
    for index, token in enumerate(read):
        candidates = rules.by_word.get(token.word, [])
        if token.word in NUMBER_WORDS or token.word[0].isdigit():
            candidates = [*candidates, *rules.by_number]
        for compiled, phrase in candidates:
            end = phrase.match(read, index)
            if end is not None:
                hits.append((compiled, *_span(read, index, end), _how(read[index:end])))
    for compiled in rules.rules:
        for pattern in compiled.patterns:
            for found in pattern.finditer(folded.text):
                hits.append((compiled, *folded.span(found.start(), found.end()), "as_is"))
        if compiled.rule.match.names_from is not None:
            for name in _names(facts.get(compiled.rule.match.names_from)):
                hits += [(compiled, *_span(read, *place), "as_is") for place in _places(name, read)]
    excuses = _Excuses(read, fields, facts)
    return [hit for hit in hits if not excuses.excuse(hit)]


def _check(
    text: str, spans: Sequence[tuple[str, int, int]], rules: RuleSet, facts: Mapping[str, Any]
) -> list[Finding]:
    folded = fold(text)
    findings = character_findings(text, folded, spans)
    findings += field_findings(text, spans, rules.fields)
    kinds = [(field_rule(name, rules.fields).kind, a, b) for name, a, b in spans]
    for compiled, start, end, how in rule_hits(folded, rules, kinds, facts):
        rule = compiled.rule
        # What only sounds like a strong word may be somebody's name: a person decides.
        severity = (
            "review" if how == "sound" and rule.match.strong and rule.action == "block" else rule.action
        )
        findings.append(
            Finding(
                code=rule.id,
                severity=severity,
                message=rule.message,
                spans=(_mark(text, start, end, spans),),
                hint=rule.hint,
                citation=rule.citation,
                rule=f"{compiled.pack}:{rule.id}",
            )
        )
    for compiled in rules.rules:
        fact = compiled.rule.match.fact
        if fact is not None and fact in facts and not facts[fact]:
            findings.append(
                Finding(
                    code=compiled.rule.id,
                    severity=compiled.rule.action,
                    message=compiled.rule.message,
                    hint=compiled.rule.hint,
                    citation=compiled.rule.citation,
                    rule=f"{compiled.pack}:{compiled.rule.id}",
                )
            )
    return findings


class _Excuses:
    """What excuses a rule's matches in one text; looked up once a rule, so that the whole stays linear."""

    def __init__(self, read: Sequence[Token], fields: Sequence[KindSpan], facts: Mapping[str, Any]) -> None:
        self._read, self._fields = read, fields
        self._substantiated = set(_names(facts.get("substantiated")))
        self._spans: dict[str, tuple[list[int], list[int]]] = {}
        self._disclosed: dict[str, bool] = {}

    def excuse(self, hit: Hit) -> bool:
        """Whether the match is outside the fields that the rule looks at, substantiated, excepted or disclosed."""
        compiled, start, end, _ = hit
        match = compiled.rule.match
        if match.only_fields and not any(
            kind in match.only_fields and a < end and start < b for kind, a, b in self._fields
        ):
            return True
        if match.claim is not None and match.claim in self._substantiated:
            return True
        name = f"{compiled.pack}:{compiled.rule.id}"
        if compiled.disclosure and name not in self._disclosed:
            self._disclosed[name] = bool(self._found(compiled.disclosure))
        if self._disclosed.get(name):
            return True
        if compiled.unless and name not in self._spans:
            self._spans[name] = _merged(self._found(compiled.unless))
        starts, ends = self._spans.get(name, ([], []))
        # The last excepted stretch that begins before the match ends: does it reach into the match?
        index = bisect_left(starts, end) - 1
        return index >= 0 and ends[index] > start

    def _found(self, phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
        """Original spans of every match of the phrases."""
        found = []
        for index in range(len(self._read)):
            for phrase in phrases:
                stop = phrase.match(self._read, index)
                if stop is not None:
                    found.append(_span(self._read, index, stop))
        return found


def _merged(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Overlapping spans joined, as sorted starts and their ends."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _places(name: str, read: Sequence[Token]) -> list[tuple[int, int]]:
    """Where a listed name stands, from word start to word end, however its letters are spaced."""
    wanted = "".join(character for character in fold(name).text if character.isalnum())
    found = []
    for start in range(len(read) if len(wanted) >= 2 else 0):
        letters, end = "", start
        while end < len(read) and len(letters) < len(wanted) and wanted.startswith(letters):
            letters += read[end].word  # an end of a sentence is a full stop, so it breaks the match
            end += 1
        if letters == wanted:
            found.append((start, end))
    return found


def _names(value: Any) -> list[str]:
    if not isinstance(value, list | tuple | set | frozenset):
        return []
    return [item for item in value if isinstance(item, str)][:1000]


def _span(read: Sequence[Token], start: int, end: int) -> tuple[int, int]:
    return read[start].start, read[end - 1].end


def _how(found: Sequence[Token]) -> str:
    return "sound" if any(token.how == "sound" for token in found) else "as_is"


def _mark(text: str, start: int, end: int, fields: Sequence[tuple[str, int, int]]) -> Span:
    inside = any(a <= start and end <= b for _, a, b in fields)
    return Span(source="field" if inside else "script", start=start, end=end, text=text[start:end])


def _plain(code: str, severity: str, message: str) -> Finding:
    return Finding(code=code, severity=severity, message=message, rule=f"greenroom:{code}")


def _ordered(findings: list[Finding]) -> list[Finding]:
    """In the order of the text, each place and rule once, at most ``MAX_FINDINGS``; the worst are kept."""
    unique: dict[tuple[Any, ...], Finding] = {}
    for finding in findings:
        place = (finding.spans[0].start, finding.spans[0].end) if finding.spans else (None, None)
        unique.setdefault((finding.code, *place), finding)
    kept = sorted(unique.values(), key=lambda f: {"block": 0, "review": 1, "note": 2}[f.severity])[
        :MAX_FINDINGS
    ]
    return sorted(kept, key=lambda f: (f.spans[0].start or 0) if f.spans else -1)


def _checked_fields(text: str, fields: Sequence[FieldLike]) -> list[tuple[str, int, int]]:
    if len(fields) > MAX_FIELDS:
        raise InputError(f"a script has at most {MAX_FIELDS} fields", where="fields")
    spans = sorted((field.start, field.end, field.name) for field in fields)
    position = 0
    for start, end, name in spans:
        if not position <= start <= end <= len(text):
            raise InputError(
                "a field's span lies outside the text or crosses another",
                where=name[:60],
                next_step="pass the spans that compose_script returned with this very text",
            )
        position = end
    return [(name, start, end) for start, end, name in spans]
