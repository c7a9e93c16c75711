"""What this server offers: health, the machine, its limits, its own description."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, Response, jsonify

from flashworld.apps.studio.openapi import describe
from flashworld.jobs import Workshop
from flashworld.rendering import choose
from flashworld.request import picture
from flashworld.request.parsing import MAX_REQUEST_BYTES
from flashworld.request.schema import MAX_CAMERAS, MAX_FRAMES, MAX_TEXT

SIDES = {"least": 64, "most": 1280, "multiple": 32}
PRESETS = (
    ("landscape", (24, 480, 704)),
    ("portrait", (24, 704, 480)),
    ("square", (24, 576, 576)),
    ("small", (16, 320, 480)),
)


def blueprint(workshop: Workshop) -> Blueprint:
    """The routes."""
    routes = Blueprint("machine", __name__, url_prefix="/api")
    maker = workshop.makers[0]

    @routes.get("/health")
    def health() -> Response:
        return jsonify(
            ok=True,
            version=own_version(),
            model=maker.model.name,
            trained=maker.model.trained,
            device=maker.model.device.type,
            queued=workshop.count("queued"),
            running=workshop.count("running"),
        )

    @routes.get("/machine")
    def machine() -> Response:
        return jsonify(_machine(workshop))

    @routes.get("/openapi.json")
    def description() -> Response:
        return jsonify(describe(own_version()))

    return routes


def own_version() -> str:
    """The version of this package."""
    try:
        return version("flashworld")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"


def _machine(workshop: Workshop) -> dict[str, Any]:
    maker, limits = workshop.makers[0], workshop.limits
    model = maker.model
    plan = model.residence.plan
    native = None if model.config.native is None else list(model.config.native)
    return {
        "models": [{"name": model.name, "trained": model.trained, "weights": model.weights, "native_size": native}],
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
        "rasteriser": choose(maker.rasteriser, model.device),
        "plan": {"name": plan.name, "description": plan.describe()},
        "memory": {
            "offload_t5": plan.text_encoder != "resident",
            "offload_vae": plan.decoders != "resident",
            "offload_transformer_during_vae": plan.transformer != "resident",
        },
        "max_concurrent": len(workshop.makers),
        "steps": len(model.config.denoising_steps),
        "native_size": native,
        "resolutions": [{"name": name, "resolution": list(resolution)} for name, resolution in PRESETS],
        "limits": {
            "frames": MAX_FRAMES,
            "cameras": MAX_CAMERAS,
            "text": MAX_TEXT,
            "sides": SIDES,
            "image_bytes": picture.MAX_BYTES,
            "image_pixels": picture.MAX_PIXELS,
            "request_bytes": MAX_REQUEST_BYTES,
            "queued": limits.queued,
            "queued_per_client": limits.queued_per_client,
            "keep_seconds": limits.keep_seconds,
            "keep_bytes": limits.keep_bytes,
        },
    }
