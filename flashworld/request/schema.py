"""The request for a scene: what clients send, what commands read, what records replay. Imports no torch.

On the wire a request is a JSON object. An optional field that is null counts as missing. Fields that the schema does
not know are ignored, since clients may send more than we read; but a near miss of a missing field ("text_promt") is a
fault, because ignoring it would make another scene than was asked for. A picture is sent as bytes, never as the path of
a file.
"""

import base64
import math
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from flashworld.request.picture import bytes_from_text, check_picture

MAX_CAMERAS, MAX_FRAMES, MAX_TEXT = 1024, 64, 10_000

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e8, le=1e8)]
Focal = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1, le=1e6)]
Frames = Annotated[int, Field(strict=True, ge=1, le=MAX_FRAMES)]
Side = Annotated[int, Field(strict=True, ge=64, le=1280, multiple_of=32)]


class Schema(BaseModel):
    """Base of all objects on the wire: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_absent(cls, data: Any) -> Any:
        """Null means missing, for fields that have a default."""
        if not isinstance(data, dict):
            return data
        fields = cls.model_fields.items()
        optional = {name for name, field in fields if not field.is_required() and field.default is not None}
        return {key: value for key, value in data.items() if value is not None or key not in optional}

    def to_json(self, indent: int | None = None) -> str:
        """The JSON text that, parsed again, gives this object: only what was given, nothing filled in."""
        return self.model_dump_json(exclude_unset=True, indent=indent)


class CameraView(Schema):
    """One camera of a path, as it is sent: a pose in the user's world and intrinsics in pixels.

    Camera axes are OpenGL's (x right, y up, looking along -z); the pose is world_from_camera.
    """

    quaternion: Annotated[
        tuple[Number, Number, Number, Number],
        Field(description="orientation [w, x, y, z], four finite numbers that are not all zero; any length and sign"),
    ]
    position: Annotated[
        tuple[Number, Number, Number], Field(description="place [x, y, z], three finite numbers up to 1e8")
    ]
    fx: Annotated[Focal, Field(description="focal length along x in pixels, a number from 1 to 1e6")]
    fy: Annotated[Focal, Field(description="focal length along y in pixels, a number from 1 to 1e6")]
    cx: Annotated[Number, Field(description="principal point from the left edge in pixels, a finite number up to 1e8")]
    cy: Annotated[Number, Field(description="principal point from the upper edge in pixels, a finite number up to 1e8")]

    @field_validator("quaternion")
    @classmethod
    def _turns(cls, quaternion: tuple[float, ...]) -> tuple[float, ...]:
        if math.hypot(*quaternion) < 1e-8:
            raise ValueError("all four numbers are zero, which is no orientation; no rotation is [1, 0, 0, 0]")
        return quaternion


def _not_too_many(cameras: Any) -> Any:
    """Refuse a list of a million cameras before looking at each."""
    if isinstance(cameras, (list, tuple)) and len(cameras) > MAX_CAMERAS:
        raise ValueError(f"{len(cameras)} cameras were given; 1 to {MAX_CAMERAS} are allowed")
    return cameras


Views = Annotated[
    tuple[CameraView, ...],
    BeforeValidator(_not_too_many),
    Field(
        min_length=1,
        description=f"1 to {MAX_CAMERAS} objects with quaternion, position, fx, fy, cx, cy",
    ),
]


class CameraPath(Schema):
    """A path alone, without picture, text or resolution.

    `height` and `width` are the size of the picture that the intrinsics speak of; without them, see
    `flashworld.request.fitting.stated_size`.
    """

    cameras: Views
    height: Annotated[
        int | None, Field(strict=True, ge=1, le=100_000, description="a number of pixels, from 1 to 100000")
    ] = None
    width: Annotated[
        int | None, Field(strict=True, ge=1, le=100_000, description="a number of pixels, from 1 to 100000")
    ] = None


class SceneRequest(Schema):
    """Everything that decides a scene: picture and/or text, a camera path, a resolution, a seed."""

    image_prompt: Annotated[
        Annotated[str, Strict()] | Annotated[bytes, Strict()] | None,
        Field(
            description="a PNG, JPEG or WebP picture as a data URL or as base64, up to 64 MB and 50 megapixels; "
            "the path of a file is not accepted",
        ),
    ] = None
    text_prompt: Annotated[
        str, Field(strict=True, max_length=MAX_TEXT, description=f"a text of at most {MAX_TEXT} characters")
    ] = Field(default="", validate_default=True)
    cameras: Views
    resolution: Annotated[
        tuple[Frames, Side, Side],
        Field(
            description=f"[frames, height, width], whole numbers: frames from 1 to {MAX_FRAMES}, height and width "
            "multiples of 32 from 64 to 1280"
        ),
    ]
    image_index: Annotated[
        int,
        Field(strict=True, ge=0, lt=MAX_FRAMES, description="the frame that the picture shows, from 0 to frames - 1"),
    ] = 0
    seed: Annotated[
        int | None,
        Field(strict=True, ge=0, lt=2**63, description="a whole number from 0 to 2^63 - 1; without it, one is drawn"),
    ] = None

    @property
    def frames(self) -> int:
        """Number of views of the scene; the path is resampled to it."""
        return self.resolution[0]

    @property
    def height(self) -> int:
        """Rows of the pictures asked for."""
        return self.resolution[1]

    @property
    def width(self) -> int:
        """Columns of the pictures asked for."""
        return self.resolution[2]

    @property
    def picture_bytes(self) -> bytes | None:
        """The picture's file as it was sent, or none."""
        prompt = self.image_prompt
        return (bytes_from_text(prompt) if isinstance(prompt, str) else prompt) if prompt else None

    @field_validator("image_prompt")
    @classmethod
    def _opens(cls, prompt: str | bytes | None) -> str | bytes | None:
        if prompt:
            check_picture(bytes_from_text(prompt) if isinstance(prompt, str) else prompt)
        return prompt

    @field_validator("text_prompt")
    @classmethod
    def _says_something(cls, text: str, info: ValidationInfo) -> str:
        if not text.strip() and not info.data.get("image_prompt", "faulty"):
            raise ValueError("neither a picture (image_prompt) nor a text (text_prompt) was given; one is needed")
        return text

    @field_validator("image_index")
    @classmethod
    def _within_frames(cls, index: int, info: ValidationInfo) -> int:
        frames = info.data.get("resolution", (MAX_FRAMES,))[0]
        if index >= frames:
            raise ValueError(f"{index} was given; the {frames} frames are counted from 0 to {frames - 1}")
        return index

    @field_serializer("image_prompt", when_used="json-unless-none")
    def _as_text(self, prompt: str | bytes) -> str:
        if isinstance(prompt, str) or not prompt:
            return prompt or ""
        return "data:application/octet-stream;base64," + base64.b64encode(prompt).decode()
