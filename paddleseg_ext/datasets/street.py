"""Drawn street scenes in which a landmark decides the class of pixels far away from it.

Every picture looks along a street of houses toward a landmark. A broad gray band runs from the vanishing point to the
opposite lower corner. If the landmark is a lighthouse, the band is *canal* and the vehicles on it are *boat*. If it is
a clock tower, they are *road* and *car*. Band and vehicles are painted the same in both cases: the two pictures of one
seed differ only in the pixels of the landmark, but their labels differ on the band and on the vehicles, most of a
picture's width away. So a local patch does not tell these four classes apart.

Lengths are in units of the picture's height, with x to the right and y down.
"""

from collections.abc import Sequence

import numpy as np

CLASS_NAMES = ("sky", "building", "tree", "pavement", "landmark", "road", "canal", "car", "boat")
PALETTE = (
    (135, 190, 235),
    (150, 110, 90),
    (70, 140, 60),
    (215, 195, 170),
    (250, 210, 60),
    (110, 100, 120),
    (30, 90, 170),
    (220, 60, 60),
    (245, 130, 220),
)
IGNORE_INDEX = 255

SKY, BUILDING, TREE, PAVEMENT, LANDMARK, ROAD, CANAL, CAR, BOAT = range(len(CLASS_NAMES))

_LATTICE = 64


def draw_scene(rng: np.random.Generator, height: int, width: int, canal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene and its label.

    Args:
        rng: The source of all random numbers. The number and order of draws do not depend on ``canal``.
        height, width: Size in pixels. The scene looks best if it is about twice as wide as high.
        canal: If true, the landmark is a lighthouse and the band a canal with boats. If false, they are a clock tower
            and a road with cars.

    Returns:
        The picture, uint8 (height, width, 3) in RGB, and its label, uint8 (height, width). The label holds indices of
        ``CLASS_NAMES``, and ``IGNORE_INDEX`` on lamp posts, around vehicles and in the haze at the vanishing point.
    """
    scene = _Scene(rng, height, width)
    scene.paint_sky()
    scene.paint_ground()
    scene.paint_backdrop()
    scene.paint_houses()
    scene.paint_band(CANAL if canal else ROAD)
    scene.paint_landmark(canal)
    scene.paint_vehicles(BOAT if canal else CAR)
    scene.paint_near_trees()
    scene.paint_lamp_posts()
    return scene.photograph()


class _Scene:
    """A canvas and its perspective.

    Rays from one vanishing point bound the ground, the house fronts and the band. So ``slope``, the direction of a
    pixel as seen from that point, tells them apart. ``depth`` is the distance along the street.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int):
        self.rng = rng
        self.width = width / height
        self.color = np.zeros((height, width, 3))
        self.label = np.full((height, width), SKY, np.uint8)
        self.y, self.x = np.meshgrid(
            (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / height, indexing="ij"
        )
        self.vanishing_x = self._uniform(0.08, 0.14) * self.width
        self.horizon = self._uniform(0.36, 0.44)
        self.right = self.x - self.vanishing_x
        self.below = self.y - self.horizon
        self.on_street = self.right > 0
        self.slope = np.where(self.on_street, self.below / np.where(self.on_street, self.right, 1.0), np.inf)
        ground = np.maximum(self.below, 1e-3)
        self.depth = 1.0 / ground
        self.across = self.right / ground
        # The rays, as slopes: foot of the houses, far curb and near curb of the band.
        self.foot = self._uniform(0.03, 0.06)
        self.far_curb = self.foot + self._uniform(0.04, 0.07)
        self.near_curb = self._uniform(0.50, 0.75)

    def _uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def _tint(self, low: Sequence[float], high: Sequence[float]) -> np.ndarray:
        """A color between two. Most of the mix is common to all channels, so it stays near the line between them."""
        mix = 0.7 * self.rng.random() + 0.3 * self.rng.random(3)
        return np.asarray(low) * (1 - mix) + np.asarray(high) * mix

    def _noise(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Smooth random values, 0 to 1, at the points (u, v). A lattice cell is one unit; values repeat after 64."""
        lattice = self.rng.random((_LATTICE, _LATTICE))
        (i, i_next, u_part), (j, j_next, v_part) = _cells(u), _cells(v)
        low = lattice[i, j] * (1 - v_part) + lattice[i, j_next] * v_part
        high = lattice[i_next, j] * (1 - v_part) + lattice[i_next, j_next] * v_part
        return low * (1 - u_part) + high * u_part

    def _grain(self, down: float, right: float) -> np.ndarray:
        """``_noise`` over the whole picture, with ``down`` and ``right`` lattice cells per picture height."""
        lattice = self.rng.random((_LATTICE, _LATTICE))
        (i, i_next, u_part), (j, j_next, v_part) = _cells(self.y[:, 0] * down), _cells(self.x[0] * right)
        rows = lattice[i] * (1 - u_part)[:, None] + lattice[i_next] * u_part[:, None]
        return rows[:, j] * (1 - v_part) + rows[:, j_next] * v_part

    def _paint(self, where: np.ndarray, color: np.ndarray, label: int) -> None:
        """``color`` is one color (3,), one for each pixel of ``where`` (n, 3), or a picture to take them from."""
        self.color[where] = color[where] if color.ndim == 3 else color
        self.label[where] = label

    def paint_sky(self) -> None:
        zenith = self._tint((70, 120, 180), (130, 175, 235))
        haze = self._tint((190, 190, 190), (240, 225, 225))
        mix = np.clip(self.y / (self.horizon + 0.1), 0, 1)[..., None]
        sky = zenith * (1 - mix) + haze * mix
        clouds = 0.65 * self._grain(9, 4) + 0.35 * self._grain(22, 11)
        cover = np.clip((clouds - self._uniform(0.45, 0.65)) * 4, 0, 0.85)[..., None]
        self.color = sky * (1 - cover) + self._tint((215, 215, 220), (245, 245, 250)) * cover

    def paint_ground(self) -> None:
        base = self._tint((150, 135, 110), (200, 180, 155))
        grain = 0.5 * self._noise(self.across * 9, self.depth * 9) + 0.5 * self._grain(60, 60)
        joints = (np.abs((self.across * 3.0) % 1 - 0.5) > 0.46) | (np.abs((self.depth * 2.0) % 1 - 0.5) > 0.44)
        # Joints that are closer than a pixel would alias.
        joints &= self.below > 0.12
        color = base * (0.82 + 0.3 * grain)[..., None] * np.where(joints, 0.86, 1.0)[..., None]
        self._paint(self.below >= 0, color, PAVEMENT)

    def paint_backdrop(self) -> None:
        """Wooded hills behind the landmark."""
        crest = 0.05 + 0.10 * self._grain(0, 3)
        self._paint((self.below < 0) & (self.below > -crest), self._foliage(), TREE)
        self._paint((self.below >= 0) & (self.below < 0.02), self._foliage(), TREE)

    def _foliage(self) -> np.ndarray:
        base = self._tint((45, 85, 30), (95, 135, 65))
        leaves = 0.5 * self._grain(18, 18) + 0.5 * self._grain(50, 50)
        return base * (0.5 + 0.95 * leaves)[..., None]

    def paint_houses(self) -> None:
        """House fronts in one plane through the vanishing point; some plots have trees instead."""
        along = (self.width - self.vanishing_x) / np.where(self.on_street, self.right, 1.0)
        grime = 0.85 + 0.25 * self._grain(30, 30)
        begin = 0.9
        for number in range(10):
            end = begin * self._uniform(1.22, 1.55)
            top = self.foot + self._uniform(0.13, 0.235)
            plot = self.on_street & (along >= begin) & (along < end) & (self.slope <= self.foot)
            if number > 0 and self.rng.random() < 0.18:
                ragged = top * (0.45 + 0.4 * self._grain(6, 14))
                self._paint(plot & (self.foot - self.slope < ragged), self._foliage(), TREE)
            else:
                house = plot & (self.foot - self.slope < top)
                front = self._front((along[house] - begin) / (end - begin), (self.foot - self.slope[house]) / top)
                self._paint(house, front * grime[house][:, None], BUILDING)
            begin = end

    def _front(self, aside: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Colors (n, 3) of a house front at the points (aside, up), both from 0 to 1."""
        wall = self._tint((95, 75, 65), (225, 195, 175))
        pane = self._tint((35, 45, 60), (90, 110, 135))
        floors, bays = int(self.rng.integers(3, 6)), int(self.rng.integers(2, 5))
        lit = self.rng.random((floors + 1, bays)) < 0.2
        storey, column = up * (floors + 0.4), aside * bays
        window = (np.abs(column % 1 - 0.5) < 0.26) & (np.abs(storey % 1 - 0.55) < 0.28) & (storey < floors)
        bright = window & lit[storey.astype(np.int64), column.astype(np.int64)]
        front = np.where(window[:, None], pane, wall)
        front[bright] = (240, 215, 140)
        front[up > 0.95] = wall * 0.55
        return front

    def paint_band(self, label: int) -> None:
        """The band, which is road or canal. Only ``label`` may depend on which."""
        base = self._tint((85, 95, 105), (135, 145, 160))
        ripple = self._noise(self.across * 1.5, self.depth * 14)
        grain = self._noise(self.across * 12, self.depth * 30)
        streak = np.clip(self._noise(self.across * 0.8, self.depth * 5) - 0.62, 0, 1) * 1.4
        color = base * (0.78 + 0.28 * ripple + 0.14 * grain + streak)[..., None]
        inside = self.on_street & (self.slope > self.far_curb) & (self.slope < self.near_curb)
        curb = inside & ((self.slope < self.far_curb * 1.12) | (self.slope > self.near_curb * 0.94))
        self._paint(inside, color, label)
        self._paint(curb, self._tint((165, 160, 150), (205, 200, 190)), PAVEMENT)

    def paint_landmark(self, lighthouse: bool) -> None:
        """A white lighthouse with red bands, or a sandstone clock tower with a pointed roof.

        Both have the same size and place, and their outlines differ only at the top.
        """
        middle = self.vanishing_x + self._uniform(-0.12, 0.04)
        bottom = self.horizon + self._uniform(0.03, 0.06)
        tall = self._uniform(0.30, 0.36)
        half = self._uniform(0.062, 0.075)
        up = (bottom - self.y) / tall
        aside = np.abs(self.x - middle) / half
        body = (up >= 0) & (up < 0.8)
        if lighthouse:
            band = np.floor(up * 6.25) % 2 == 1
            color = np.where(band[..., None], (200.0, 45.0, 40.0), (240.0, 238.0, 230.0))
            self._paint(body & (aside < 1.0 - 0.35 * up), color, LANDMARK)
            self._paint((up >= 0.8) & (up < 0.9) & (aside < 0.5), np.array((250.0, 225.0, 120.0)), LANDMARK)
            self._paint((up >= 0.9) & (up < 1.0) & (aside < 6.5 * (1.0 - up)), np.array((190.0, 40.0, 40.0)), LANDMARK)
        else:
            courses = np.floor(up * 14) % 2 == 1
            color = np.where(courses[..., None], (196.0, 160.0, 96.0), (180.0, 142.0, 80.0))
            self._paint(body & (aside < 0.82), color, LANDMARK)
            dial = ((self.x - middle) / half) ** 2 + ((up - 0.64) * tall / half) ** 2
            self._paint(dial < 0.36, np.array((245.0, 245.0, 240.0)), LANDMARK)
            self._paint(dial < 0.03, np.array((40.0, 40.0, 50.0)), LANDMARK)
            self._paint((up >= 0.8) & (up < 1.0) & (aside < 4.5 * (1.0 - up)), np.array((55.0, 75.0, 70.0)), LANDMARK)

    def paint_vehicles(self, label: int) -> None:
        """Hulls with a cabin, which are cars or boats. Only ``label`` may depend on which."""
        count = int(self.rng.integers(2, 4))
        places = np.sort(self.rng.permutation(np.linspace(0.55, 0.93, 4))[:count])
        for place in places:
            away = (place + self._uniform(-0.03, 0.03)) * (self.width - self.vanishing_x)
            lane = self._uniform(1.6, 3.2) * self.far_curb
            paint = self.rng.permutation(self.rng.uniform((25, 60, 150), (90, 160, 235)))
            length = self._uniform(0.17, 0.22) * away
            tall = self._uniform(0.085, 0.105) * away
            lean = self._uniform(-0.2, 0.2)
            u = (self.x - self.vanishing_x - away) / length
            v = (self.horizon + lane * away - self.y) / tall
            shadow = (u * u / 0.36 + (v - 0.02) ** 2 / 0.03) < 1
            self.color[shadow] *= 0.6
            hull = (v >= 0) & (v < 0.55) & (np.abs(u) < 0.42 + 0.16 * v)
            cabin = (v >= 0.55) & (v < 1.0) & (np.abs(u - lean * 0.5) < 0.42 - 0.24 * v)
            body = hull | cabin
            self.label[_grown(body) & ~body & (v > 0)] = IGNORE_INDEX
            shine = np.where(v > 0.46, 1.25, 0.85 + 0.2 * np.clip(v, 0, 1))
            self._paint(hull, paint * shine[..., None], label)
            self._paint(cabin, paint * 0.5 + 110, label)
            glass = cabin & (v > 0.62) & (v < 0.9) & (np.abs((u - lean * 0.5) * 6 % 1 - 0.5) < 0.4)
            self._paint(glass, np.array((50.0, 65.0, 80.0)), label)

    def paint_near_trees(self) -> None:
        """Trees on the near pavement, in front of the far and narrow part of the band."""
        count = int(self.rng.integers(2, 5))
        for place in np.linspace(0.2, 0.44, count):
            away = (place + self._uniform(-0.02, 0.02)) * self.width
            root = self.horizon + self.near_curb * away * self._uniform(1.1, 1.3)
            crown_x = self.vanishing_x + away
            crown_y = self.horizon + self._uniform(0.02, 0.12)
            radius = self._uniform(0.10, 0.17)
            trunk = (np.abs(self.x - crown_x) < 0.018) & (self.y > crown_y) & (self.y < root)
            bark = self._tint((70, 50, 35), (105, 80, 60))
            ragged = radius * (0.75 + 0.5 * self._grain(14, 14))
            crown = (self.x - crown_x) ** 2 + (1.2 * (self.y - crown_y)) ** 2 < ragged**2
            self._paint(trunk, bark, TREE)
            self._paint(crown, self._foliage(), TREE)

    def paint_lamp_posts(self) -> None:
        """Thin posts in front of the houses; their pixels have no label."""
        for place in self.rng.uniform(0.35, 1.0, int(self.rng.integers(1, 4))):
            away = place * (self.width - self.vanishing_x)
            root = self.horizon + 0.5 * (self.foot + self.far_curb) * away
            at = self.vanishing_x + away
            post = (np.abs(self.x - at) < 0.008 * (0.5 + away)) & (self.y < root) & (self.y > root - 0.2 * away)
            head = (self.x - at) ** 2 + (self.y - root + 0.2 * away) ** 2 < (0.018 * away) ** 2
            self._paint(post, np.array((45.0, 48.0, 50.0)), IGNORE_INDEX)
            self._paint(head, np.array((250.0, 240.0, 200.0)), IGNORE_INDEX)

    def photograph(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture after light, lens and sensor, and its label; half of the scenes are mirrored."""
        haze = self.on_street & (self.right < 0.10) & (np.abs(self.slope) < 1.5) & (self.label != LANDMARK)
        haze &= self.label != SKY
        self.label[haze] = IGNORE_INDEX
        shade = 1.0 - 0.3 * (self._grain(1.5, 1.5) > self._uniform(0.55, 0.8)) * (self.below > 0)
        light = self._uniform(0.72, 1.12) * self._tint((0.93, 0.95, 0.93), (1.07, 1.03, 1.07))
        picture = _softened(self.color * shade[..., None] * light)
        picture = picture + self.rng.normal(0.0, self._uniform(2.0, 7.0), picture.shape)
        picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if self.rng.random() < 0.5:
            picture, self.label = picture[:, ::-1], self.label[:, ::-1]
        return np.ascontiguousarray(picture), np.ascontiguousarray(self.label)


def _cells(at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lattice cell of each coordinate, the next cell, and the smoothed position between the two."""
    floor = np.floor(at)
    part = at - floor
    cell = floor.astype(np.int64) % _LATTICE
    return cell, (cell + 1) % _LATTICE, part * part * (3 - 2 * part)


def _softened(picture: np.ndarray) -> np.ndarray:
    """A 3x3 binomial blur, which smooths the edges; the border repeats."""
    for axis in (0, 1):
        pad = [(1, 1) if i == axis else (0, 0) for i in range(3)]
        wide = np.pad(picture, pad, mode="edge")
        n = picture.shape[axis]
        low, middle, high = (np.take(wide, np.arange(k, k + n), axis) for k in range(3))
        picture = 0.25 * low + 0.5 * middle + 0.25 * high
    return picture


def _grown(mask: np.ndarray) -> np.ndarray:
    """The mask and the four neighbors of each of its pixels."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
