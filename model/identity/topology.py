"""Which of the 478 landmarks are lips, lids, irises and chin. Rows run from image left to right.

Source: the MediaPipe face mesh, `face_mesh_connections`. Lips are rings of 11 points whose ends are
the mouth's corners; upper and lower ring match point by point.
"""

UPPER_LIP_RINGS = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
)
LOWER_LIP_RINGS = (
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
)
UPPER_INNER_LIP = UPPER_LIP_RINGS[0]
LOWER_INNER_LIP = LOWER_LIP_RINGS[0]

# Image left is the person's right eye. Both lids run from image left to image right.
UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)

# Moves with the lower jaw and nothing else.
JAW = (152, 148, 377, 175, 199, 200)

# Without the corners, which belong to both.
UPPER_LIP = frozenset(point for ring in UPPER_LIP_RINGS for point in ring[1:-1])
LOWER_LIP = frozenset(point for ring in LOWER_LIP_RINGS for point in ring[1:-1])
LIPS = tuple(sorted({i for ring in UPPER_LIP_RINGS + LOWER_LIP_RINGS for i in ring}))
LIDS = frozenset(point for lid in UPPER_LIDS + LOWER_LIDS for point in lid)
# All but the irises, which turn on their own.
SKIN = tuple(range(468))
