"""The page of the API: all that the description says is on it, and it is of our own files. In Chromium:
tests/review_ui/test_developer_browser.py."""

from __future__ import annotations

import json
import re
import shlex

from fastapi.testclient import TestClient

from review_ui.api_keys import KEY_RIGHTS
from review_ui.app import make_app
from review_ui.reference import USUAL, reference_of

WEIGHT = 150_000  # bytes of a page without its media

SITE = "https://greenroom.brand.example"


def test_every_operation_parameter_document_and_field_is_on_the_page(client: TestClient):
    page = client.get("/docs")
    text = page.text
    described = client.get("/api/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert f'<span class="method">{method.upper()}</span> <code>{path}</code>' in text
            assert all(f"<code>{one['name']}</code>" in text for one in operation.get("parameters", []))
    for name, schema in described["components"]["schemas"].items():
        assert name.startswith("Body_") or f'id="{name}"' in text
        assert all(f"<code>{field}</code>" in text for field in schema.get("properties", {}))
    for target in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{target}"' in text, target


def test_it_is_of_our_own_files_and_runs_no_script(client: TestClient):
    page = client.get("/docs")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "<script" not in page.text and not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    assert len(page.content) < WEIGHT


def test_each_operation_has_a_right_errors_and_a_sample_that_a_shell_reads():
    shown = reference_of(make_app().openapi(), SITE)
    operations = [one for group in shown.groups.values() for one in group]
    assert len(operations) > 15
    for one in operations:
        assert one.says and one.answers and not set(one.errors) & set(USUAL)
        assert one.right in KEY_RIGHTS or one.path == "/api/v1/verify", one.path
        words = shlex.split(one.sample)
        needed = {part.name for part in one.sends if part.required}
        assert needed <= {word.partition("=")[0] for word in words}, "of a form, what it needs"
        assert words[0] == "curl" and words[-1].startswith(SITE) and "{" not in words[-1]
        assert ("-X" in words or "-d" in words or "-F" in words or "--data-binary" in words) is (
            one.method == "POST"
        )
        if "-d" in words:
            fields = next(each.fields for each in shown.documents if each.name == one.document)
            assert {part.name for part in fields if part.required} <= set(
                json.loads(words[words.index("-d") + 1])
            )
    assert all(
        words.text for document in shown.documents for field in document.fields for words in field.kind
    )
