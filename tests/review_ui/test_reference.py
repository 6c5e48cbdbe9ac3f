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


PAGES = ("/docs", "/docs/documents")


def test_every_operation_parameter_document_and_field_is_on_the_pages(client: TestClient):
    operations, documents = (client.get(page).text for page in PAGES)
    described = client.get("/api/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert f'<span class="method">{method.upper()}</span> <code>{path}</code>' in operations
            assert all(f"<code>{one['name']}</code>" in operations for one in operation.get("parameters", []))
    for name, schema in described["components"]["schemas"].items():
        form = name.startswith("Body_")
        assert form or f'id="{name}"' in documents
        where = operations if form else documents
        assert all(f"<code>{field}</code>" in where for field in schema.get("properties", {}))


def test_every_link_between_them_leads_somewhere(client: TestClient):
    texts = {page: client.get(page).text for page in PAGES}
    for page, text in texts.items():
        for where, target in re.findall(r'href="([^"#]*)#([^"]+)"', text):
            assert f'id="{target}"' in texts[where or page], (page, where, target)


def test_they_are_of_our_own_files_light_and_run_no_script(client: TestClient):
    for where in PAGES:
        page = client.get(where)
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
