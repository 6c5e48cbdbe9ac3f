"""The database counts renders itself: triggers write one row for each render that comes into a state or leaves it.

So no way of writing a render goes uncounted, and a transaction that is rolled back counts nothing. Rows are added,
none is changed: two transactions that move renders never wait for each other over a number. What reads and folds
them is in pipeline/counts.py.

A render whose owner, campaign and state stay as they are writes nothing. ``TRUNCATE`` is not seen.
"""

from __future__ import annotations

_COLUMNS = "brand_id, campaign_id, state"
_MOVED = " OR ".join(f"OLD.{column} {{differs}} NEW.{column}" for column in _COLUMNS.split(", "))


def _change(row: str, change: int) -> str:
    values = f"{row}.brand_id, {row}.campaign_id, {row}.state, {change}"
    return f"INSERT INTO render_count_changes ({_COLUMNS}, change) VALUES ({values});"  # noqa: S608 - our own words


COUNTING: dict[str, dict[str, str]] = {
    "sqlite": {
        "renders_counted_insert": f"""
            CREATE TRIGGER renders_counted_insert AFTER INSERT ON renders
            BEGIN {_change("NEW", 1)} END""",
        "renders_counted_delete": f"""
            CREATE TRIGGER renders_counted_delete AFTER DELETE ON renders
            BEGIN {_change("OLD", -1)} END""",
        "renders_counted_move": f"""
            CREATE TRIGGER renders_counted_move AFTER UPDATE OF {_COLUMNS} ON renders
            WHEN {_MOVED.format(differs="IS NOT")}
            BEGIN {_change("OLD", -1)} {_change("NEW", 1)} END""",
    },
    "postgresql": {
        "greenroom_count_render": f"""
            CREATE FUNCTION greenroom_count_render() RETURNS trigger
            LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
            BEGIN
                IF TG_OP <> 'INSERT' THEN {_change("OLD", -1)} END IF;
                IF TG_OP <> 'DELETE' THEN {_change("NEW", 1)} END IF;
                RETURN NULL;
            END $$""",
        "renders_counted": """
            CREATE TRIGGER renders_counted AFTER INSERT OR DELETE ON renders
            FOR EACH ROW EXECUTE FUNCTION greenroom_count_render()""",
        "renders_counted_move": f"""
            CREATE TRIGGER renders_counted_move AFTER UPDATE OF {_COLUMNS} ON renders
            FOR EACH ROW WHEN ({_MOVED.format(differs="IS DISTINCT FROM")})
            EXECUTE FUNCTION greenroom_count_render()""",
    },
}
"""Statements by dialect and name, in order. Migrations and ``create_all`` install the same."""
