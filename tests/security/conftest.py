"""The fixtures of the web's tests: a brand, accounts, a client that is signed in."""

from tests.review_ui.conftest import (  # noqa: F401
    _nobody_has_tried_before,
    account,
    brand,
    client,
    make_render,
    new_account,
    signed,
)
