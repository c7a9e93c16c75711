"""What the tests of jobs and of the studio share: small requests, and patience."""

import base64
import io
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

FRAMES, HEIGHT, WIDTH = 3, 64, 96


def camera(**changes: Any) -> dict[str, Any]:
    """A camera at the origin, as it is sent."""
    at_rest = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0], "fx": 80, "fy": 80, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    return at_rest | changes


def body(**changes: Any) -> dict[str, Any]:
    """A request that `tiny` completes in about a second."""
    cameras = [camera(position=[0.1 * index, 0, -0.2 * index]) for index in range(FRAMES)]
    small = {"text_prompt": "a red house", "cameras": cameras, "resolution": [FRAMES, HEIGHT, WIDTH], "seed": 5}
    return small | changes


def picture(size: tuple[int, int] = (WIDTH, HEIGHT), kind: str = "PNG") -> str:
    """A picture as a data URL."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(buffer, format=kind)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()


def until(reached: Callable[[], Any], seconds: float = 240.0) -> Any:
    """The first true value of `reached`, asked again and again.

    Raises:
        TimeoutError: It was never true.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := reached():
            return value
        time.sleep(0.02)
    raise TimeoutError("It did not happen in time.")
