"""Territories as they are written here: a country's two letters (ISO 3166-1, lower case), a part of one, or ``eu``."""

from __future__ import annotations

import re

_COUNTRIES = """
ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt
bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh
er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht
hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls
lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni
nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg
sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug
um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""

COUNTRIES = frozenset(_COUNTRIES.split())

FORM = "a country's two letters (in, us, de), a part of one (in-ka), or eu"


def is_territory(text: str) -> bool:
    """Whether a territory is written so; the parts of a country are not looked up."""
    country, _, part = text.lower().partition("-")
    known = country in COUNTRIES or country == "eu"
    return known and (part == "" if "-" not in text else re.fullmatch(r"[a-z0-9]{1,3}", part) is not None)
