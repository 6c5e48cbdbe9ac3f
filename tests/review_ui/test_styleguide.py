"""The styleguide shows every token and every element that there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from pipeline.states import State
from review_ui.pages.styleguide import COLOURS, ELEMENTS, TOKENS, tokens
from review_ui.tables import AccountRow

STATIC = TOKENS.parent


def test_every_token_stands_on_the_page(
    client: TestClient, account: AccountRow, signed: Callable[[AccountRow], str]
) -> None:
    signed(account)
    text = client.get("/styleguide").text
    declared = set(re.findall(r"--([\w-]+):", TOKENS.read_text(encoding="utf-8")))
    assert declared == {token.name for token in tokens()} and COLOURS.keys() <= declared
    for name in declared:
        assert f"<code>--{name}</code>" in text
    for name in COLOURS:
        assert f'class="swatch of-{name}"' in text
        assert f".of-{name} {{ background: var(--{name}); }}" in (STATIC / "styleguide.css").read_text()
    for state in State:
        assert f"</svg>{state.value.replace('_', ' ')}</span>" in text


def test_every_element_of_our_own_is_named() -> None:
    defined = {
        name
        for script in STATIC.glob("*.js")
        for name in re.findall(r'customElements\.define\("([\w-]+)"', script.read_text(encoding="utf-8"))
    }
    assert defined == ELEMENTS.keys()


def test_no_page_takes_a_colour_of_its_own() -> None:
    """Colours come from the tokens: in the other stylesheets there are black and white alone, over pictures."""
    for sheet in STATIC.glob("*.css"):
        if sheet.name != "tokens.css":
            text = sheet.read_text(encoding="utf-8")
            assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", text)) <= {"#000", "#fff"}, sheet.name


def test_what_a_page_uses_of_the_tokens_is_there() -> None:
    used = {
        name
        for sheet in STATIC.glob("*.css")
        for name in re.findall(r"var\(--([\w-]+)\)", Path(sheet).read_text(encoding="utf-8"))
    }
    assert used <= {token.name for token in tokens()}
