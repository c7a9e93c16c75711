"""How fast is it? Ceilings of the card, the parts one by one, whole scenes by plan, and the release's own schedule."""

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from torch import nn

from benchmarks.gpu_model import PROMPT, Subject, random_model, random_networks
from benchmarks.gpu_timing import at_most, peak_bytes_of, seconds_of, synchronise
from flashworld.generation import stream
from flashworld.models.attention import measure_attention
from flashworld.models.compilation import compile_regions
from flashworld.models.fp8 import FP8, Fp8, Fp8Linear, fp8_for
from flashworld.models.frames import put_channels_last
from flashworld.models.fused import suit_cuda
from flashworld.models.fused_frames import fuse_frames
from flashworld.models.model import Model
from flashworld.models.text import Umt5TextEncoder, byte_tokenizer
from flashworld.noise import seeded_noise
from flashworld.placement import PLANS, RESIDENT, WHOLE, Card, find_card
from flashworld.placement.plans import GIB
from flashworld.planner import predict
from flashworld.rendering import available, render

CAPS = {"resident": None, "24GB": 23.0, "16GB": 15.3, "12GB": 11.4, "8GB": 7.5}
"""GiB that a process really gets on a card of that name."""

NOMINAL = Card("a processor", 0, 0, fp8_product=False, matrix_rate=1e11)
"""Stands for a card in dry runs."""

Result = dict[str, Any]


def ceilings(subject: Subject) -> Result:
    """The rates of the largest matrix products and copies, which nothing can exceed."""
    side, device = (8192 if subject.device.type == "cuda" else 256), subject.device
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    result = {"bf16_tflops": 2 * side**3 / seconds_of(lambda: a @ b, device) / 1e12}
    one, rows = torch.ones((), device=device), torch.ones(side, 1, device=device)
    x, w = a.to(FP8), b.to(FP8)
    for name, left, right in (("tensor", one, one), ("row", rows, rows.mT)):
        call = functools.partial(
            torch._scaled_mm,  # pyright: ignore[reportPrivateImportUsage]
            x, w.t(), left, right, out_dtype=torch.bfloat16, use_fast_accum=True,
        )  # fmt: skip
        result[f"fp8_by_{name}_tflops"] = 2 * side**3 / seconds_of(call, device) / 1e12
    source = torch.empty(2**30 if device.type == "cuda" else 2**20, device=device)
    target = torch.empty_like(source)
    moved = 2 * source.numel() * 4
    result["copy_tb_per_s"] = moved / seconds_of(lambda: target.copy_(source), device) / 1e12
    host = torch.empty(2**28 if device.type == "cuda" else 2**18, dtype=torch.uint8)
    host = host.pin_memory() if device.type == "cuda" else host
    there = torch.empty_like(host, device=device)
    result["host_link_gb_per_s"] = len(host) / seconds_of(lambda: there.copy_(host, non_blocking=True), device) / 1e9
    return result


def linears(subject: Subject) -> Result:
    """Milliseconds of the transformer's three shapes of linear layers, by kind."""
    sizes = subject.config.transformer
    width, patch = sizes.num_attention_heads * sizes.attention_head_dim, sizes.patch_size[1] * sizes.patch_size[2]
    tokens, device = subject.size.latents // patch, subject.device
    result: Result = {}
    for columns, outputs in ((width, width), (width, sizes.ffn_dim), (sizes.ffn_dim, width)):
        x = torch.randn(tokens, columns, device=device, dtype=torch.bfloat16)
        linear = nn.Linear(columns, outputs, device=device, dtype=torch.bfloat16).requires_grad_(False)
        kinds: dict[str, Callable[[], Any]] = {"bfloat16": lambda x=x, linear=linear: linear(x)}
        for how in (Fp8("tensor"), Fp8("row"), Fp8("row", "weights")):
            layer = Fp8Linear.from_linear(linear, how)
            kinds[f"{how.product} by {how.per}"] = lambda x=x, layer=layer: layer(x)
        with suppress(ImportError):
            kinds["torchao by row"] = functools.partial(_torchao(linear), x)
        result[f"{tokens}x{columns}x{outputs}"] = {name: 1e3 * seconds_of(call, device) for name, call in kinds.items()}
    return result


def _torchao(linear: nn.Linear) -> nn.Module:
    from torchao.quantization import (  # pyright: ignore[reportMissingImports]
        Float8DynamicActivationFloat8WeightConfig,
        PerRow,
        quantize_,
    )

    holder = nn.Sequential(linear)
    quantize_(holder, Float8DynamicActivationFloat8WeightConfig(granularity=PerRow()))
    return holder


def attention(subject: Subject) -> Result:
    """Milliseconds and error of the transformer's attention by backend."""
    sizes = subject.config.transformer
    tokens = subject.size.latents // (sizes.patch_size[1] * sizes.patch_size[2])
    found = measure_attention(tokens, sizes.num_attention_heads, sizes.attention_head_dim, subject.device)
    return {name: {"ms": 1e3 * seconds, "error": error} for name, (seconds, error) in found.items()}


@torch.no_grad()
def decoding(subject: Subject) -> Result:
    """Milliseconds for a view in the Gaussian decoder and the picture encoder, by layout and views at once."""
    networks, device = random_networks(subject, None), subject.device
    decoder, encoder = networks.recon_decoder, networks.vae
    h, w = subject.size.height // 16, subject.size.width // 16
    ways = {"as published": lambda _: None, "channels side by side": put_channels_last, "fused": fuse_frames}
    result: Result = {}
    for way, change in ways.items():
        change(decoder)
        change(encoder)
        for views in (1, 3, 8):
            features = torch.randn(views, subject.config.feature_channels, h, w, device=device)
            codes = torch.randn(views, subject.config.autoencoder.z_dim, h, w, device=device)
            pictures = torch.rand(views, 3, 16 * h, 16 * w, device=device)
            calls = {
                "decode": lambda features=features, codes=codes: decoder.decode(features, codes),
                "encode": lambda pictures=pictures: encoder.moments(pictures),
            }
            for name, call in calls.items():
                result[f"{name}, {way}, {views} views"] = {
                    "ms_a_view": 1e3 * seconds_of(call, device, repeats=3) / views,
                    "gib_a_view": peak_bytes_of(call, device) / views / GIB,
                }
    return result


@torch.no_grad()
def fused(subject: Subject) -> Result:
    """Seconds of a transformer's call and of a warm scene, with fused kernels and without."""
    model = random_model(subject, fp8_for(subject.device), RESIDENT, suited=False)
    for network in (model.networks.vae, model.networks.recon_decoder):
        put_channels_last(network)
    result: Result = {}
    for name in ("plain", "fused"):
        if name == "fused":
            suit_cuda(model.networks)
        call = _prediction(subject, model, scenes=1)
        seconds = {"transformer_seconds": seconds_of(call, subject.device, repeats=5)}
        peak = {"transformer_gib": peak_bytes_of(call, subject.device) / GIB}
        result[name] = seconds | peak | whole(subject, model, name)
    return result


@torch.no_grad()
def rasterising(subject: Subject) -> Result:
    """Seconds and memory to render the model's own first scene along its path, by rasteriser and views at once."""
    model = random_model(subject, fp8_for(subject.device), WHOLE)
    scene = next(iter(stream(subject.request(), model))).scene
    cameras = scene.cameras.to(subject.device)
    size, result = subject.size, {}
    for name, missing in available().items():
        if missing is None and (name != "numba" or subject.device.type == "cpu"):
            for views in sorted({1, 8, len(cameras)}):
                part = cameras[:views]
                call = functools.partial(render, scene.gaussians, part, size.height, size.width, rasteriser=name)
                result[f"{name}, {views} views"] = {
                    "ms_a_view": 1e3 * seconds_of(call, subject.device, repeats=3, warm=1) / len(part),
                    "gib": peak_bytes_of(call, subject.device) / GIB,
                }
    return result


def whole(subject: Subject, model: Model, way: str, warm: int = 1, repeats: int = 3) -> Result:
    """A warm scene: seconds from request to Gaussians, to the first step's scene, by stage; and peak memory.

    `way` is in the prompts, so that the text encoder works on new ones although models remember them;
    `known_prompt_seconds` is the same scene again, whose prompt is remembered.
    It is the median of several scenes; `all_seconds` has each of them.
    """
    for run in range(warm):
        _run(subject, model, f"{PROMPT}, {way} {run}")
    measured = sorted(
        (_run(subject, model, f"{PROMPT}. {way} {run}") for run in range(repeats)), key=lambda m: m["seconds"]
    )
    middle = measured[len(measured) // 2] | {"all_seconds": [each["seconds"] for each in measured]}
    return middle | {"known_prompt_seconds": _run(subject, model, f"{PROMPT}. {way} 0")["seconds"]}


def _run(subject: Subject, model: Model, prompt: str) -> Result:
    synchronise(subject.device)
    started = perf_counter()
    preview = 0.0
    for step in stream(subject.request().model_copy(update={"text_prompt": prompt}), model):
        synchronise(subject.device)
        preview = preview or perf_counter() - started
        last = step
    record = last.scene.record
    synchronise(subject.device)
    return {
        "seconds": perf_counter() - started,
        "preview_seconds": preview,
        "stages": record.seconds,
        "peak_gib": record.memory.peak_bytes / GIB if record.memory else None,
        "plan": model.residence.plan.name,
        "fell_back_from": record.memory.fell_back_from if record.memory else None,
        "rasteriser": record.rasteriser,
    }


def released_schedule(subject: Subject) -> Result:
    """A warm scene by the release's schedule of work.

    Everything is resident; a float32 text encoder works on every prompt; a scale for each tensor; weights laid out as
    published; all views decoded and encoded at once, and a render call for each.
    """
    how = Fp8("tensor", fp8_for(subject.device).product)
    model = random_model(subject, how, replace(RESIDENT, name="release", views_at_once=1), suited=False)
    networks, views = model.networks, subject.size.frames
    release = replace(
        model,
        text_encoder=Umt5TextEncoder(byte_tokenizer(), networks.text_encoder.float()),
        decoder=functools.partial(networks.recon_decoder, views_at_once=views),
        autoencoder=functools.partial(networks.vae, views_at_once=views),
    )
    return whole(subject, release, "release")


def plans(subject: Subject) -> Result:
    """A warm scene by each plan, in as much memory as a card of its name has, beside what was predicted."""
    how = fp8_for(subject.device)
    model = random_model(subject, how, PLANS[0])
    card = find_card(subject.device) or NOMINAL
    result: Result = {}
    for plan in PLANS:
        model.residence.adopt(plan)
        predicted = predict(plan, card, subject.config, subject.size, subject.dtype)
        with at_most(CAPS[plan.name], subject.device):
            measured = whole(subject, model, plan.name)
        result[plan.name] = measured | {
            "allowed_gib": CAPS[plan.name],
            "predicted_gib": predicted.peak / GIB,
            "predicted_seconds": predicted.seconds,
            "predicted_parts": predicted.parts,
        }
    return result


def compiled(subject: Subject) -> Result:
    """A warm scene with all blocks compiled, and how long the first one took."""
    model = random_model(subject, fp8_for(subject.device), PLANS[0])
    compile_regions(model.networks)
    started = perf_counter()
    first = _run(subject, model, f"{PROMPT}, compiled")
    took = perf_counter() - started
    return whole(subject, model, "compiled") | {"first_seconds": took, "first": first["seconds"]}


@torch.no_grad()
def batches(subject: Subject) -> Result:
    """Seconds of a prediction for a scene, alone and with others in a batch."""
    model = random_model(subject, fp8_for(subject.device), PLANS[0])
    result: Result = {}
    for scenes in (1, 2, 4):
        call = _prediction(subject, model, scenes)
        result[f"{scenes} scenes"] = {
            "seconds_a_scene": seconds_of(call, subject.device, repeats=3, warm=1) / scenes,
            "gib": peak_bytes_of(call, subject.device) / GIB,
        }
    return result


def _prediction(subject: Subject, model: Model, scenes: int) -> Callable[[], Any]:
    """A call of the transformer."""
    size, config = subject.size, subject.config
    shape = (scenes, config.in_channels, size.frames, size.height // 16, size.width // 16)
    inputs = seeded_noise(0)("initial", shape).to(subject.device)
    text = torch.randn(scenes, 512, config.transformer.text_dim, device=subject.device)
    timestep = torch.full((scenes,), 750.0, device=subject.device)
    return functools.partial(model.denoiser, inputs, timestep, text, lambda _: None)
