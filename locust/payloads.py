"""The values of new items: plausible, and of steady size so that runs stay comparable."""

import random

MATERIALS = (
    "Brass",
    "Cotton",
    "Enamel",
    "Felt",
    "Glass",
    "Linen",
    "Oak",
    "Steel",
    "Walnut",
    "Wool",
)
THINGS = ("bowl", "chair", "clock", "kettle", "ladder", "lamp", "rug", "shelf", "stool", "vase")
TEXT = "Made to order, packed by hand and sent within three working days."


def new_values(rng: random.Random) -> dict[str, str | int]:
    """Values for a target's payload template; all are safe inside a JSON string."""
    return {
        "name": f"{rng.choice(MATERIALS)} {rng.choice(THINGS)} {rng.randrange(10_000):04}",
        "text": TEXT,
        "price": f"{rng.randrange(100, 100_000) / 100:.2f}",
        "quantity": rng.randrange(1_000),
        "unique": f"{rng.getrandbits(64):016x}",
    }
