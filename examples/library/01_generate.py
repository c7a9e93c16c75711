"""1. From a sentence and a path to a scene file."""

from flashworld import generate, load_model, parse_request

request = parse_request(
    {
        "text_prompt": "a red house by a lake",
        "resolution": [5, 96, 128],
        "cameras": [
            {"quaternion": [1, 0, 0, 0], "position": [0, 0, -0.2 * i], "fx": 90, "fy": 90, "cx": 64, "cy": 48}
            for i in range(5)
        ],
        "seed": 7,
    }
)
scene = generate(request, load_model("tiny"))
scene.save("house.ply")
print(f"{len(scene.gaussians):,} Gaussians in house.ply")
