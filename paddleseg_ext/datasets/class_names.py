"""Names and colors of the classes of well-known data sets, for legends and tables."""

from collections.abc import Sequence
from typing import Any, Optional

_CITYSCAPES = (
    "road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person, "
    "rider, car, truck, bus, train, motorcycle, bicycle"
)
_PASCAL_VOC = (
    "background, aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, dining table, dog, horse, "
    "motorbike, person, potted plant, sheep, sofa, train, tv monitor"
)
_ADE20K = (
    "wall, building, sky, floor, tree, ceiling, road, bed, window, grass, cabinet, sidewalk, person, earth, door, "
    "table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field, "
    "armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard, "
    "chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, "
    "case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, "
    "book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, "
    "hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television, airplane, "
    "dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship, "
    "fountain, conveyor belt, canopy, washer, toy, swimming pool, stool, barrel, basket, waterfall, tent, bag, "
    "minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, "
    "screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, "
    "monitor, bulletin board, shower, radiator, glass, clock, flag"
)
_NAMES = {
    "Cityscapes": _CITYSCAPES,
    "PascalVOC": _PASCAL_VOC,
    "ADE20K": _ADE20K,
    "OpticDiscSeg": "background, optic disc",
}
# The colors of the Cityscapes benchmark, by train id.
_COLORS = {
    "Cityscapes": (
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
        (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0),
        (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
}  # fmt: skip


def class_names(dataset: Any, num_classes: int) -> list[str]:
    """The names of a data set's classes, ``num_classes`` of them.

    Args:
        dataset: A data set or its Python class. Its ``CLASS_NAMES`` come first, then the tables in this file, by the
            name of the Python class. A class without a name there is called ``class 7``, by its index.
        num_classes: How many names to return.
    """
    names = getattr(dataset, "CLASS_NAMES", None) or _NAMES.get(_type_name(dataset), "").split(", ")
    return [str(names[i]) if i < len(names) and names[i] else f"class {i}" for i in range(num_classes)]


def class_colors(dataset: Any) -> Optional[Sequence[tuple[int, int, int]]]:
    """The colors ((red, green, blue), ...) of a data set's classes, 0 to 255, or None if it defines none.

    ``PALETTE`` of the data set comes first, then the table in this file.
    """
    return getattr(dataset, "PALETTE", None) or _COLORS.get(_type_name(dataset))


def _type_name(dataset: Any) -> str:
    return dataset.__name__ if isinstance(dataset, type) else type(dataset).__name__
