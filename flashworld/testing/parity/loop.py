"""Section 9 of the reference: the whole loop with recorded random numbers, as a free run and call by call."""

from collections.abc import Iterator

import torch
from einops import rearrange
from torch import Tensor

from flashworld.cameras import Cameras, in_model_world, normalise, resample
from flashworld.cameras.normalisation import reach
from flashworld.conditioning import PictureAt, condition
from flashworld.denoising import DenoiseStep, Schedule, denoise
from flashworld.events import ignore
from flashworld.formats import to_uint8
from flashworld.noise import Noise
from flashworld.rendering import render
from flashworld.testing.parity.cameras import reference_view
from flashworld.testing.parity.comparison import (
    Comparison,
    largest,
    largest_mixed,
    largest_of_range,
    mean,
    median,
    of_cameras,
    share_beyond,
)
from flashworld.testing.parity.models import Miniature

FREE_RUN = (2e-5, 3e-4, 1e-3, 3e-3)
ENCODED = (1e-3, 3e-3, 1e-2)
ONE_CALL = 3e-5


def compare_loop(
    file: str,
    recorded: dict[str, Tensor],
    model: Miniature,
    schedule: Schedule,
    feature_channels: int,
    rasteriser: str,
) -> Iterator[Comparison]:
    """Run the recording's request with its random numbers."""
    frames, height, width = recorded["resolution"].tolist()
    path = Cameras.from_vectors(_batched(recorded["cameras"], 2))
    if path.positions.shape[1] != frames:
        path = resample(path, torch.linspace(0, 1, frames))
    cameras, world_from_model = normalise(path)
    difference = of_cameras(cameras.vectors(), recorded["cameras_normalised"])
    yield Comparison(file, "cameras_normalised", difference, 1e-5)
    yield Comparison(file, "ref_w2c", largest_mixed(reference_view(world_from_model), recorded["ref_w2c"]), 1e-5)
    yield Comparison(file, "T_norm", largest_mixed(reach(path)[:, None, None], recorded["T_norm"]), 1e-5)

    noises = [_recorded_noise(recorded, scene, len(path)) for scene in range(len(path))]
    pictures = _pictures(recorded, len(path))
    grid = (recorded["noise.initial"].shape[1], height // 16, width // 16)
    text = recorded["text_embeds"]
    conditioning = condition(model.autoencoder, text, pictures, cameras, grid, noises)
    steps = denoise(
        model.denoiser,
        model.decoder,
        model.autoencoder,
        conditioning,
        schedule,
        noises,
        feature_channels=feature_channels,
        rasteriser=rasteriser,
    )
    for step in steps:
        yield from _compare_step(file, recorded, step, model)
        yield from _compare_call(file, recorded, step, model, text)
    scenes = step.gaussians
    gaussians = scenes.vectors().reshape(recorded["gaussians"].shape)
    yield Comparison(file, "gaussians", largest_of_range(gaussians, recorded["gaussians"]), 5e-3)
    yield Comparison(file, "gaussians (median)", median(gaussians, recorded["gaussians"]), 1e-4)
    if "video.frames_u8" in recorded:
        fps = int(recorded["video.fps"])
        along = in_model_world(resample(path, torch.linspace(0, 1, (frames - 1) * fps + 1)), world_from_model)
        videos = [
            to_uint8(render(scenes[i], along[i], height, width, rasteriser=rasteriser).colour) for i in range(len(path))
        ]
        video = torch.stack([torch.as_tensor(v) for v in videos]).reshape(recorded["video.frames_u8"].shape).float()
        expected = recorded["video.frames_u8"].float()
        yield Comparison(file, "video.frames_u8 (mean)", mean(video, expected), 0.2)
        yield Comparison(file, "video.frames_u8 (share beyond 1)", share_beyond(video, expected, 1), 0.01)


def _compare_step(file: str, recorded: dict[str, Tensor], step: DenoiseStep, model: Miniature) -> Iterator[Comparison]:
    """The free run: each step starts from what our own step before it made."""
    unscaled = model.decoder.scale.to_decoder(rearrange(step.latents, "b z t h w -> (b t) z h w"))[:, :, None]
    ours = {
        "model_out": torch.cat([step.velocity, step.features], dim=1),
        "latents_2d": step.latents,
        "latents_2d_unscaled": unscaled,
    }
    tolerance = FREE_RUN[min(step.index, 3)]
    for name, values in ours.items():
        key = f"step{step.index}.{name}"
        if key in recorded:
            yield Comparison(file, key, largest_of_range(values, recorded[key]), tolerance)
    key = f"step{step.index}.gaussians_every_16th"
    if key in recorded:
        sampled = step.gaussians.vectors()[:, ::16].reshape(recorded[key].shape)
        yield Comparison(file, key, largest_of_range(sampled, recorded[key]), tolerance)
    key = f"step{step.index}.images"
    if step.pictures is not None and key in recorded:
        yield Comparison(file, f"{key} (mean)", mean(step.pictures, recorded[key]), 2e-4)
        yield Comparison(file, f"{key} (share beyond 2e-3)", share_beyond(step.pictures, recorded[key], 2e-3), 0.01)
        yield Comparison(file, f"{key} (largest)", largest(step.pictures, recorded[key]), 0.05)
    key = f"step{step.index}.latents_3d"
    if step.encoded is not None and key in recorded:
        yield Comparison(file, key, largest_of_range(step.encoded, recorded[key]), ENCODED[min(step.index, 2)])


def _compare_call(
    file: str, recorded: dict[str, Tensor], step: DenoiseStep, model: Miniature, text: Tensor
) -> Iterator[Comparison]:
    """One call alone, from the recorded input."""
    key = f"step{step.index}.model_in"
    if key in recorded:
        timestep = recorded[f"step{step.index}.timestep"].expand(len(text))
        with torch.no_grad():
            out = torch.cat(model.denoiser(recorded[key], timestep, text, ignore), dim=1)
        expected = recorded[f"step{step.index}.model_out"]
        yield Comparison(file, f"{key} -> model_out", largest(out, expected), ONE_CALL)


def _recorded_noise(recorded: dict[str, Tensor], scene: int, num_scenes: int) -> Noise:
    """The recorded random numbers of one scene of a batch, in our order of axes."""

    def draw(name: str, shape: tuple[int, ...]) -> Tensor:
        values = recorded[f"noise.{name}"]
        return values.unflatten(0, (num_scenes, -1))[scene].reshape(shape)

    return draw


def _pictures(recorded: dict[str, Tensor], num_scenes: int) -> list[PictureAt | None]:
    if "image" not in recorded:
        return [None] * num_scenes
    images = _batched(recorded["image"], 3)
    views = recorded["image_index"].reshape(-1).expand(num_scenes).tolist()
    return [PictureAt(image, view) for image, view in zip(images, views, strict=True)]


def _batched(values: Tensor, dims: int) -> Tensor:
    """A single scene's tensor of `dims` dimensions as a batch of one."""
    return values[None] if values.ndim == dims else values
