"""Three places to stand in: a living room, a valley with a house, an island with a lighthouse at dusk."""

import numpy as np
from raymarch import Array, Scene, box, clouds, cylinder, ellipsoid, noise, sphere


def rgb(code: str) -> Array:
    """Linear colour of a code as painters write it, "b5651d"."""
    return (np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255) ** 2.2


def unit(x: float, y: float, z: float) -> Array:
    """A direction."""
    return np.float32([x, y, z]) / np.float32(np.sqrt(x * x + y * y + z * z))


def mix(a: Array, b: Array, share: Array) -> Array:
    """From `a` (share 0) to `b` (share 1)."""
    return a + (b - a) * np.clip(share, 0, 1)[:, None]


def painted(palette: list[Array], material: Array) -> Array:
    """The plain colour of each point's material."""
    return np.stack(palette)[material].copy()


def living_room() -> Scene:
    """Evening sun through a tall window on a sofa, a table with fruit, a lamp, a plant and pictures."""
    leaves = [(np.cos(a) * 0.22, 0.75 + 0.16 * (i % 4), np.sin(a) * 0.22) for i, a in enumerate(np.arange(11) * 2.4)]

    def distance(p: Array) -> Array:
        room = np.maximum(-box(p, (0.2, 0.1, -1.0), (3.0, 1.5, 4.2)), box(p, (0.2, 0.1, -1.0), (3.2, 1.7, 4.4)))
        window = np.minimum(box(p, (3.2, 0.2, -2.75), (0.5, 0.9, 0.45)), box(p, (3.2, 0.2, -4.0), (0.5, 0.9, 0.45)))
        floor = box(p, (0.2, -1.49, -1.0), (3.1, 0.1, 4.3))
        sofa = np.minimum.reduce(
            [
                box(p, (-1.35, -1.08, -4.0), (1.05, 0.22, 0.5), 0.09),
                box(p, (-1.35, -0.72, -4.45), (1.05, 0.42, 0.16), 0.1),
                box(p, (-2.45, -0.92, -4.0), (0.14, 0.36, 0.52), 0.1),
                box(p, (-0.25, -0.92, -4.0), (0.14, 0.36, 0.52), 0.1),
            ]
        )
        cushions = np.minimum(
            box(p, (-1.95, -0.66, -4.12), (0.24, 0.22, 0.1), 0.09), sphere(p, (-0.72, -0.7, -4.1), 0.2)
        )
        rug = cylinder(p, (-0.5, -1.4, -3.0), 1.25, 0.03)
        table = np.minimum(
            cylinder(p, (-0.35, -0.98, -2.85), 0.55, 0.05), cylinder(p, (-0.35, -1.4, -2.85), 0.07, 0.44)
        )
        bowl = np.maximum(sphere(p, (-0.42, -0.77, -2.8), 0.2), p[:, 1] + 0.79)
        bowl = np.maximum(bowl, -sphere(p, (-0.42, -0.75, -2.8), 0.18))
        oranges = np.minimum.reduce(
            [sphere(p, c, 0.075) for c in ((-0.48, -0.81, -2.76), (-0.35, -0.81, -2.77), (-0.42, -0.79, -2.87))]
        )
        vase = cylinder(p, (-0.1, -0.93, -2.95), 0.06, 0.24, 0.035)
        shelf = np.maximum(
            box(p, (1.0, -0.35, -5.0), (0.55, 1.05, 0.2)), -box(p, (1.0, -0.35, -4.8), (0.49, 0.99, 0.25))
        )
        shelf = np.minimum.reduce(
            [shelf] + [box(p, (1.0, y, -4.98), (0.5, 0.02, 0.19)) for y in (-0.9, -0.45, 0.0, 0.35)]
        )
        books = np.minimum.reduce(
            [
                box(
                    p,
                    (0.58 + 0.075 * i, y + 0.16 + 0.02 * ((i * 7 + k) % 3), -4.98),
                    (0.03, 0.13 + 0.02 * ((i * 7 + k) % 3), 0.13),
                    0.01,
                )
                for k, y in enumerate((-0.88, -0.43, 0.02))
                for i in range(9 - 3 * (k == 1))
            ]
        )
        frames = np.minimum(
            box(p, (-1.85, 0.45, -5.19), (0.36, 0.46, 0.03), 0.01), box(p, (-0.85, 0.5, -5.19), (0.5, 0.36, 0.03), 0.01)
        )
        stand = np.minimum(cylinder(p, (-2.5, -1.4, -3.2), 0.02, 1.65), cylinder(p, (-2.5, -1.4, -3.2), 0.17, 0.03))
        shade = np.abs(cylinder(p, (-2.5, 0.12, -3.2), 0.26, 0.34, 0.16)) - 0.012
        pot = cylinder(p, (2.45, -1.4, -4.5), 0.2, 0.4, 0.28)
        plant = np.minimum.reduce([ellipsoid(p, (2.45 + x, y - 1.15, -4.5 + z), (0.2, 0.1, 0.2)) for x, y, z in leaves])
        plant = np.minimum(plant, cylinder(p, (2.45, -1.2, -4.5), 0.025, 0.9)) + 0.03 * noise(p * 14) - 0.02
        return np.stack(
            [
                np.maximum(room, -window),
                floor,
                sofa,
                cushions,
                rug,
                table,
                bowl,
                oranges,
                vase,
                shelf,
                books,
                frames,
                stand,
                shade,
                pot,
                plant * 0.7,
            ]
        )

    palette = [
        rgb(c)
        for c in (
            "e9dfcc",
            "9a6a3f",
            "35606b",
            "d98d4a",
            "b9b09a",
            "7b4a2b",
            "e8e4da",
            "f08a1d",
            "3f7f86",
            "8a5a35",
            "999999",
            "3a2a20",
            "2b2b2b",
            "ffe2ac",
            "c4603a",
            "4f8a3c",
        )
    ]

    def colour(p: Array, _: Array, material: Array) -> Array:
        paint = painted(palette, material)
        x, y, z = p.T
        board = np.floor(x / 0.16)
        grain = clouds(np.stack([x * 14 + board * 9, z * 1.3 + board * 3], -1), 3)
        wood = rgb("8d5c34") * (0.6 + 0.5 * grain + 0.22 * noise(np.stack([board * 1.7, board * 0.3], -1)))[:, None]
        wood *= np.where(np.abs(x / 0.16 - np.round(x / 0.16)) < 0.025, 0.45, 1)[:, None]
        paint = np.where((material == 1)[:, None], wood, paint)
        ring = np.hypot(x + 0.5, z + 3.0)
        weave = mix(rgb("c9bfa6"), rgb("a8413a"), (np.abs(np.sin(ring * 9)) > 0.75).astype(np.float32))
        paint = np.where((material == 4)[:, None], weave * (0.8 + 0.4 * noise(p * 60))[:, None], paint)
        spines = np.stack([rgb(c) for c in ("a63d40", "e9b872", "90a959", "6494aa", "274c5e", "d8cfc0", "7a4069")])
        number = np.floor((x - 0.5425) / 0.075).astype(int) * 3 + np.floor((y + 0.88) / 0.45).astype(int) * 5
        paint = np.where((material == 10)[:, None], spines[number % 7], paint)
        paint = np.where((material == 11)[:, None], _canvas(x, y, z, paint), paint)
        paint = np.where((material == 2)[:, None], paint * (0.85 + 0.3 * noise(p * 45))[:, None], paint)
        return np.where((material == 15)[:, None], paint * (0.6 + 0.8 * noise(p * 9))[:, None], paint)

    def _canvas(x: Array, y: Array, z: Array, frame: Array) -> Array:
        """Two paintings: a red sun over hills, and waves."""
        hills = mix(
            rgb("e7c98f"),
            rgb("2f5d62"),
            (y < 0.35 + 0.08 * np.sin(9 * x) + 0.04 * np.sin(21 * x + 1)).astype(np.float32),
        )
        hills = np.where((np.hypot(x + 1.78, y - 0.6) < 0.11)[:, None], rgb("c8442f"), hills)
        waves = mix(rgb("f2e8d5"), rgb("315b8a"), 0.5 + 0.5 * np.sin(28 * y + 3 * np.sin(5 * x)))
        inside = (z > -5.165) & (
            ((np.abs(x + 1.85) < 0.31) & (np.abs(y - 0.45) < 0.41))
            | ((np.abs(x + 0.85) < 0.45) & (np.abs(y - 0.5) < 0.31))
        )
        return np.where(inside[:, None], np.where((x < -1.4)[:, None], hills, waves), frame)

    def sky(rays: Array) -> Array:
        return mix(rgb("ffe9c4") * 1.6, rgb("a9cdf0") * 1.5, rays[:, 1] * 2 + 0.4)

    return Scene(
        distance,
        colour,
        sky,
        unit(0.80, 0.40, 0.12),
        rgb("ffd9a0") * 5.5,
        rgb("cfd8e6") * 0.6,
        lamps=(
            (np.float32([-2.5, 0.22, -3.2]), rgb("ffc680") * 0.9),
            (np.float32([0.6, 0.7, -1.6]), rgb("fff0dc") * 1.0),
        ),
    )


def valley() -> Scene:
    """A house with a red roof among trees, hills behind it, a path that leads there."""
    rng = np.random.default_rng(4)
    places = [
        (-5.2, -9.5),
        (-3.9, -12.0),
        (5.4, -10.0),
        (6.9, -13.5),
        (-7.6, -14.0),
        (3.9, -16.5),
        (-2.2, -17.0),
        (8.8, -18.0),
        (-10.5, -18.5),
        (-3.6, -6.4),
    ]
    sizes = rng.uniform(0.8, 1.25, len(places))

    def ground(x: Array, z: Array) -> Array:
        rolling = 0.22 * np.sin(0.55 * x + 0.3 * z) + 0.15 * np.sin(0.9 * z - 0.4 * x)
        far = np.clip((-z - 17) / 26, 0, 1) ** 1.6
        ridge = 5.6 * far * (0.75 + 0.5 * np.sin(0.17 * x + 1.1) + 0.25 * np.sin(0.41 * x + 0.09 * z))
        return -1.45 + rolling * np.clip(-z / 6, 0, 1) + ridge

    roots = [(x, float(ground(np.float32(x), np.float32(z))), z, s) for (x, z), s in zip(places, sizes, strict=True)]

    def path(x: Array, z: Array) -> Array:
        """Distance from the middle of the path."""
        return np.abs(x - (0.9 * np.sin(0.33 * z + 0.4) + 0.05 * (-z)) + 0.2)

    def distance(p: Array) -> Array:
        x, y, z = p.T
        land = (y - ground(x, z)) * 0.7
        q = p - np.float32([1.35, -1.35, -10.5])
        turned = np.stack([q[:, 0] * 0.86 + q[:, 2] * 0.5, q[:, 1], -q[:, 0] * 0.5 + q[:, 2] * 0.86], -1)
        walls = box(turned, (0, 0.8, 0), (1.35, 0.9, 1.0))
        gable = np.maximum(np.abs(turned[:, 2]) * 0.7 + (turned[:, 1] - 2.75) * 0.7, np.abs(turned[:, 0]) - 1.35)
        walls = np.minimum(walls, np.maximum(gable + 0.03, 1.5 - turned[:, 1]))
        slope = np.abs(turned[:, 2]) * 0.7071 + (turned[:, 1] - 2.8) * 0.7071
        roof = np.maximum.reduce([np.abs(slope) - 0.06, np.abs(turned[:, 0]) - 1.55, 1.5 - turned[:, 1]])
        chimney = box(turned, (0.7, 2.5, -0.45), (0.17, 0.55, 0.17))
        panes = np.minimum.reduce([box(turned, (s, 0.95, 1.0), (0.24, 0.3, 0.03)) for s in (-0.75, 0.75)])
        panes = np.minimum(panes, box(turned, (-1.35, 0.95, 0.1), (0.03, 0.3, 0.26)))
        door = box(turned, (0, 0.45, 1.0), (0.25, 0.55, 0.04))
        trunks = np.minimum.reduce([cylinder(p, (a, b - 0.2, c), 0.13 * s, 1.3 * s, 0.08 * s) for a, b, c, s in roots])
        crowns = np.minimum.reduce(
            [
                part
                for i, (a, b, c, s) in enumerate(roots)
                for part in (
                    [
                        ellipsoid(p, (a, b + 1.75 * s, c), (0.85 * s, 0.95 * s, 0.85 * s)),
                        sphere(p, (a + 0.45 * s, b + 1.45 * s, c + 0.2), 0.55 * s),
                    ]
                    if i % 3
                    else [
                        cylinder(p, (a, b + (0.55 + 0.75 * k) * s, c), (0.95 - 0.24 * k) * s, 1.1 * s, 0.03)
                        for k in range(3)
                    ]
                )
            ]
        )
        near = crowns < 0.6
        crowns[near] += 0.16 * noise(p[near] * 4.5) + 0.07 * noise(p[near] * 13) - 0.12
        fence = np.minimum(
            box(p, (3.9, -0.95, -7.2), (1.7, 0.035, 0.03)), box(p, (3.9, -1.2, -7.2), (1.7, 0.035, 0.03))
        )
        posts = np.abs((x - 2.25 + 0.275) % 0.55 - 0.275)
        fence = np.minimum(
            fence,
            np.maximum.reduce(
                [np.maximum(posts - 0.04, np.abs(z + 7.2) - 0.04), np.abs(y + 1.2) - 0.45, np.abs(x - 3.9) - 1.7]
            ),
        )
        return np.stack([land, walls, roof, chimney, panes, door, trunks, crowns * 0.75, fence])

    palette = [
        rgb(c) for c in ("6f9a3e", "f3ead8", "b5452f", "9b6a55", "6f95ad", "5b7f8c", "6b4a32", "4c7a33", "efe6d4")
    ]

    def colour(p: Array, _: Array, material: Array) -> Array:
        paint = painted(palette, material)
        x, y, z = p.T
        flat = np.stack([x, z], -1)
        meadow = mix(rgb("47752a"), rgb("93a83f"), clouds(flat * 0.35) * 1.6 - 0.3)
        meadow = meadow * (0.72 + 0.5 * noise(flat * 9) * np.exp(-np.abs(z)[:, None] / 30)[:, 0])[:, None]
        flowers = (noise(flat * 17.0 + 50) > 0.88) & (noise(flat * 1.1 + 9) > 0.45) & (z > -9)
        meadow = np.where(flowers[:, None], mix(rgb("f6f2e6"), rgb("e8b93f"), np.round(noise(flat * 3 + 5))), meadow)
        forest = rgb("2f5a34") * (0.6 + 0.9 * clouds(flat * 1.4))[:, None]
        meadow = mix(meadow, forest, (clouds(flat * 0.12 + 3) - 0.42) * 9 * np.clip((-z - 20) / 5, 0, 1))
        trodden = 1 - np.clip((path(x, z) - 0.42 - 0.18 * noise(flat * 2.2)) / 0.12, 0, 1)
        meadow = mix(meadow, rgb("cdb489") * (0.75 + 0.4 * noise(flat * 8))[:, None], trodden * (z > -10))
        paint = np.where((material == 0)[:, None], meadow, paint)
        paint = np.where((material == 7)[:, None], mix(rgb("33602a"), rgb("8fae45"), noise(p * 5) * 0.9), paint)
        rows = 0.72 + 0.28 * (np.abs((y * 6) % 1 - 0.5) * 2) + 0.1 * noise(p * 9)
        return np.where((material == 2)[:, None], paint * rows[:, None], paint)

    def sky(rays: Array) -> Array:
        up = rays[:, 1]
        blue = mix(rgb("d5e6f2") * 1.15, rgb("4f93d2"), np.sqrt(np.clip(up * 1.7, 0, 1)))
        plane = rays[:, [0, 2]] / np.maximum(up, 0.03)[:, None]
        cover = np.clip((clouds(plane * 0.55 + 31, 5) - 0.5) * 5, 0, 1) * np.clip(up * 7, 0, 1)
        return mix(blue, np.float32([1.15, 1.12, 1.1]), cover)

    return Scene(
        distance,
        colour,
        sky,
        unit(-0.55, 0.62, 0.5),
        rgb("ffeccf") * 3.3,
        rgb("b8d2f0") * 0.95,
        haze=0.007,
        exposure=0.5,
    )


def lighthouse() -> Scene:
    """A striped tower on a rocky island, a keeper's hut, a boat, the sun just above the sea."""
    sun = unit(-0.62, 0.17, -0.77)

    def distance(p: Array) -> Array:
        x, y, z = p.T
        swell = 0.05 * np.sin(1.7 * x + 0.8 * z) + 0.035 * np.sin(2.3 * z - 1.3 * x) + 0.02 * np.sin(5.1 * x + 3.7 * z)
        sea = (y + 1.5 - swell * np.exp(z / 40)) * 0.8
        rock = ellipsoid(p, (1.5, -1.75, -9.5), (3.7, 1.15, 2.5))
        rock = np.minimum.reduce(
            [
                rock,
                ellipsoid(p, (-2.0, -1.7, -8.2), (1.1, 0.55, 0.8)),
                ellipsoid(p, (4.6, -1.6, -7.2), (0.9, 0.5, 0.7)),
                ellipsoid(p, (-3.4, -1.65, -5.4), (0.55, 0.3, 0.45)),
            ]
        )
        near = rock < 1.2
        rock[near] += 0.5 * noise(p[near] * 1.3) + 0.22 * noise(p[near] * 3.1) + 0.09 * noise(p[near] * 8) - 0.45
        tower = cylinder(p, (1.9, -0.9, -9.8), 0.75, 3.9, 0.48)
        gallery = np.minimum(
            cylinder(p, (1.9, 3.0, -9.8), 0.72, 0.1), np.abs(cylinder(p, (1.9, 3.3, -9.8), 0.68, 0.02)) - 0.015
        )
        lamp = cylinder(p, (1.9, 3.1, -9.8), 0.33, 0.55)
        cap = cylinder(p, (1.9, 3.65, -9.8), 0.46, 0.42, 0.03)
        hut = box(p, (0.05, -0.62, -9.2), (0.62, 0.45, 0.45))
        slope = np.abs(z + 9.2) * 0.75 + (y - 0.38) * 0.66
        roof = np.maximum.reduce([np.abs(slope) - 0.04, np.abs(x - 0.05) - 0.72, -0.22 - y])
        hut = np.minimum(hut, np.maximum.reduce([slope, np.abs(x - 0.05) - 0.62, -0.25 - y]))
        panes = np.minimum(
            box(p, (-0.2, -0.55, -8.75), (0.11, 0.13, 0.03)), box(p, (0.35, -0.55, -8.75), (0.11, 0.13, 0.03))
        )
        panes = np.minimum.reduce(
            [panes] + [box(p, (1.75, h, -9.15 - 0.05 * i), (0.09, 0.15, 0.06)) for i, h in enumerate((0.1, 1.3, 2.4))]
        )
        hull = np.maximum(ellipsoid(p, (-1.35, -1.32, -5.2), (0.75, 0.32, 0.27)), y + 1.3)
        hull = np.maximum(hull, -ellipsoid(p, (-1.35, -1.25, -5.2), (0.66, 0.26, 0.21)))
        mast = cylinder(p, (-1.35, -1.5, -5.2), 0.02, 1.5)
        sail = (
            np.maximum.reduce(
                [
                    np.abs(z + 5.2 - 0.12 * np.sin(2 * (y + 1.2))) - 0.012,
                    np.abs(y + 0.55) - 0.6,
                    -(x + 1.31),
                    (x + 1.31) - 0.62 * np.clip((0.1 - y) / 1.25, 0, 1),
                ]
            )
            * 0.8
        )
        return np.stack([sea, rock * 0.7, tower, gallery, lamp, cap, hut, roof, panes, hull, mast, sail])

    palette = [
        rgb(c)
        for c in (
            "1f4e63",
            "6d6258",
            "f4efe6",
            "3b3f45",
            "fff0b0",
            "b13a2e",
            "efe6d6",
            "7a3d32",
            "ffcf6b",
            "a5482f",
            "5a4030",
            "f6ecd8",
        )
    ]

    def colour(p: Array, normals: Array, material: Array) -> Array:
        paint = painted(palette, material)
        y = p[:, 1]
        bands = (np.floor((y + 0.9) / 0.78) % 2 == 1)[:, None]
        paint = np.where((material == 2)[:, None] & bands, rgb("b5372c"), paint)
        rough = (0.55 + 0.8 * clouds(p * 2.2))[:, None]
        grass = np.clip((normals[:, 1] - 0.72) * 5, 0, 1) * np.clip((y + 1.05) * 4, 0, 1)
        stone = mix(rgb("6d6258"), rgb("6d8242"), grass) * rough * np.where(y < -1.25, 0.55, 1)[:, None]
        paint = np.where((material == 1)[:, None], stone, paint)
        eye = p / np.linalg.norm(p, axis=-1, keepdims=True)
        ripple = np.stack([noise(p * [5, 1, 9]) - 0.5, np.full(len(p), 5.0), noise(p * [6, 1, 11] + 40) - 0.5], -1)
        facing = normals + 0.25 * ripple / 5
        facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
        mirrored = eye - 2 * (eye * facing).sum(-1, keepdims=True) * facing
        mirrored[:, 1] = np.abs(mirrored[:, 1])
        share = 0.06 + 0.94 * (1 - np.clip(-(eye * facing).sum(-1), 0, 1)) ** 4
        water = mix(rgb("164a5c") * 0.5, sky(mirrored) * 1.15, share)
        return np.where(
            (material == 0)[:, None], water, np.where(((material == 4) | (material == 8))[:, None], paint * 4, paint)
        )

    def sky(rays: Array) -> Array:
        up = np.clip(rays[:, 1], 0, 1)
        dusk = mix(rgb("ffb067") * 1.25, rgb("e58a86"), up * 4.2)
        dusk = mix(dusk, rgb("4a5f9a") * 0.9, up * 2.3 - 0.18)
        plane = rays[:, [0, 2]] / np.maximum(up, 0.05)[:, None]
        cover = np.clip((clouds(plane * [0.22, 0.75] + 12, 5) - 0.48) * 4, 0, 1) * np.clip(up * 6, 0, 1)
        near = np.clip((rays * sun).sum(-1), 0, 1)[:, None]
        dusk = mix(dusk, rgb("f7b59a") * 1.2, cover * 0.75)
        return dusk + rgb("ffd49a") * (near**300 * 6 + near**18 * 0.5)

    return Scene(
        distance,
        colour,
        sky,
        sun * [-0.9, 2.2, -0.75] / np.linalg.norm(sun * [-0.9, 2.2, -0.75]),
        rgb("ffc890") * 2.6,
        rgb("a9a4cf") * 1.15,
        haze=0.004,
        exposure=0.5,
    )


SCENES = {"living-room": living_room, "valley": valley, "lighthouse": lighthouse}
