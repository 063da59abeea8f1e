"""How the commands of ``likeness`` end: their exit statuses, other than 0."""

FAILED = 1
BAD_INPUT = 2
DAMAGED_INPUT = 3
INTERRUPTED = 130
