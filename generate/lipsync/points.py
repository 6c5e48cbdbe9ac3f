"""Which of MediaPipe's 478 mesh points the engine uses, and for what."""

from __future__ import annotations

import numpy as np

# Skull, brow and bridge of the nose: they do not move with speech.
STABLE = np.array(
    [
        6,
        168,
        197,
        195,
        8,
        9,
        151,
        10,
        33,
        133,
        362,
        263,
        127,
        356,
        108,
        337,
        69,
        299,
        67,
        297,
        109,
        338,
        54,
        284,
        103,
        332,
        162,
        389,
        122,
        351,
    ]
)
EYE_CORNERS = (33, 263)

LIPS_OUTER = np.array(
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
)
LIPS_INNER = np.array(
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191]
)
LIPS = np.concatenate([LIPS_OUTER, LIPS_INNER])
AROUND = np.array(
    [
        57,
        287,
        43,
        273,
        106,
        335,
        182,
        406,
        92,
        322,
        165,
        391,
        167,
        393,
        164,
        186,
        410,
        216,
        436,
        212,
        432,
        202,
        422,
        204,
        424,
        83,
        313,
        18,
        207,
        427,
        206,
        426,
    ]
)
CHIN = np.array([200, 199, 175, 201, 421, 194, 418, 32, 262, 211, 431, 210, 430, 169, 394, 214, 434])
JAW = np.array([152, 148, 176, 149, 150, 136, 172, 58, 377, 400, 378, 379, 365, 397, 288])
LOWER = np.concatenate([LIPS, AROUND, CHIN, JAW])  # what speech moves
# Points at the edge of what speech moves: they stay, and hold the rest of the face in place.
ANCHORS = np.array(
    [
        4,
        98,
        327,
        2,
        5,
        48,
        278,
        50,
        280,
        101,
        330,
        116,
        345,
        123,
        352,
        132,
        361,
        93,
        323,
        234,
        454,
        33,
        263,
        133,
        362,
    ]
)

# How much of a chosen mouth's own shape a point takes (the rest comes from the frame it is put into).
OF_MOUTH = np.concatenate(
    [np.ones(len(LIPS)), np.full(len(AROUND), 0.6), np.full(len(CHIN), 0.35), np.zeros(len(JAW))]
)

# From under the nose, along the cheeks, to inside the jaw: the outline of what is taken from the chosen mouth.
PATCH = np.array(
    [2, 326, 327, 426, 436, 432, 434, 430, 431, 262, 428, 199, 208, 32, 211, 210, 214, 212, 216, 206, 98, 97]
)
