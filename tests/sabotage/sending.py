"""Sabotages of another try, of the suppression list, and of what leaves for somebody else's address."""

from __future__ import annotations

from tests.sabotage.words import off

AGAIN, OUTWARD = "pipeline/again.py", "core/outward.py"

SENDING = (
    off("1-3", "only what stopped is made again", AGAIN,
        "        if seen.state not in STOPPED:", "        if False:",
        "again:what_may_still_go_out_or_was_out_is_not_made_again"),
    off("1-3", "a place is taken once", AGAIN,
        "        if (taken := successor_of(session, old.id)) is not None:", "        if False:",
        "again:a_place_that_a_plain_request_took_is_taken"),
    off("1-3", "what was made again is not tried again", AGAIN,
        "        if (taken := successor_of(session, row.id)) is not None:", "        if False:",
        "again:one_place_is_taken_once"),
    off("1-3", "nothing is taken over from a row that was changed", AGAIN,
        "        check_rows(session, seen, where=seen.id)", "        pass",
        "again:what_somebody_changed_in_the_database_is_not_made_again"),
    off("1", "no video for somebody on the suppression list", "pipeline/intake.py",
        "check_recipient(session, campaign, row.fields, where=campaign.id)\n            #", "pass\n            #",
        "suppression:somebody_who_comes_on_the_list_meanwhile_gets_no_video"),
    off("1", "no row of a batch for somebody on the list", "pipeline/batch.py",
        "                    if is_barred:", "                    if False:",
        "suppression:of_a_batch_the_row_is_left_out_and_named_by_its_number"),
    off("12", "no release to somebody on the list", "delivery/release.py",
        "            check_to_whom(session, render)", "            pass",
        "to_whom:somebody_who_comes_on_the_list_while_it_is_published_gets_nothing"),
    off("13", "no new link for somebody on the list", "pipeline/standing.py",
        "if campaign is None or suppressed(session, campaign, [render.fields])[0]:", "if campaign is None:",
        "to_whom:no_new_link_is_made_and_those_that_exist_go_on"),
    off("13", "a name that leads inside", OUTWARD,
        " or not all(_may_reach(each) for each in known)", "",
        "outward:a_name_that_leads_inside_is_refused_whatever_else_it_leads_to"),
    off("13", "a webhook that is gone", "delivery/webhook_sending.py",
        "    if status == GONE:", "    if False:", "webhooks:one_that_is_gone_is_ended_and_told_nothing_more"),
    off("13", "a webhook hears of its own brand alone", "delivery/webhook_messages.py",
        "hook.brand_id != render.brand_id or ", "", "webhooks:another_brands_webhook_hears_nothing"),
)  # fmt: skip
