"""What the database itself asks of the person who appears before a video becomes released: the yes that the version of
the authority in force wants (trust steps 1 and 11), said by the rows.

A database can check no signature, and not that a yes was given under an authority that has ended since: the release
does. What it refuses is a video for which no yes, or a no, stands in its tables, whoever writes `released`.
"""

from __future__ import annotations


def lacks_yes(mode: str) -> str:
    """The condition, for a trigger: whether the row NEW lacks the yes that it needs. What cannot be told lacks it.

    Args:
        mode: the expression that reads the approval mode out of ``a.document``.
    """
    # Put together from our own constants alone.
    return f"""NOT COALESCE((
            SELECT CASE {mode}
                WHEN 'none' THEN 1 = 1
                WHEN 'final_cut' THEN {_says_yes(_TO_THE_FILE)}
                WHEN 'script' THEN CASE
                    WHEN NEW.origin = 'made' AND {_TO_THE_SCRIPT} = 'approve' THEN 1 = 1
                    WHEN NEW.origin <> 'made' OR {_TO_THE_SCRIPT} = 'each' THEN {_says_yes(_TO_THE_TEXT)}
                END
            END
            FROM campaigns c
            JOIN personas p ON p.id = c.persona_id
            JOIN authorities enrolled ON enrolled.id = p.authority_id
            JOIN authorities a ON a.record_id = enrolled.record_id
            WHERE c.id = NEW.campaign_id
            ORDER BY a.version DESC LIMIT 1), 1 = 0)"""  # noqa: S608


def _says_yes(decisions: str) -> str:
    """Among these decisions is a yes, and no no."""
    return f"(EXISTS ({decisions} AND d.verdict = 'approve') AND NOT EXISTS ({decisions} AND d.verdict = 'refuse'))"


_TO_THE_FILE = (
    "SELECT 1 FROM persona_decisions d "
    "WHERE d.render_id = NEW.id AND d.sealed_sha256 = NEW.sealed_sha256 AND d.persona_id = p.id"
)
_TO_THE_TEXT = (
    "SELECT 1 FROM script_decisions d JOIN renders spoken ON spoken.id = d.render_id "
    "WHERE d.campaign_id = c.id AND d.persona_id = p.id AND spoken.script = NEW.script"
)
_TO_THE_SCRIPT = (
    "(SELECT d.verdict FROM script_decisions d "
    "WHERE d.campaign_id = c.id AND d.persona_id = p.id AND d.render_id IS NULL "
    "ORDER BY d.created_at DESC, d.id DESC LIMIT 1)"
)
