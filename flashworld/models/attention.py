"""Which of diffusers' attention backends is the fastest here, by trying."""

import importlib.util
import logging
from typing import Any

import torch
from torch import Tensor, nn

from flashworld.clock import StageClock

log = logging.getLogger(__name__)

CANDIDATES = {
    "native": None,
    "_native_cudnn": None,
    "_native_flash": None,
    "_flash_3": "flash_attn_interface",
    "flash": "flash_attn",
    "sage": "sageattention",
}
"""Backends, and the package that each needs: PyTorch's own choice, cuDNN and FlashAttention 2 through PyTorch, then
FlashAttention 3 and 2 and SageAttention from packages of their own. None of them downloads anything."""

MOST_ERROR = 1e-2
"""Relative distance (root of squares) to PyTorch's own backend. bfloat16 itself is at 4e-3; SageAttention 1 fails."""

CLEAR_GAIN = 0.95


def measure_attention(
    tokens: int, heads: int, head_dim: int, device: torch.device, repeats: int = 3
) -> dict[str, tuple[float, float]]:
    """Seconds of an attention of this size, and its relative error, by usable backend."""
    generator = torch.Generator(device).manual_seed(0)
    shape = (1, tokens, heads, head_dim)
    query, key, value = (torch.randn(shape, generator=generator, device=device, dtype=torch.bfloat16) for _ in range(3))
    results: dict[str, tuple[float, float]] = {}
    expected: Tensor | None = None
    for name, package in CANDIDATES.items():
        if package is not None and importlib.util.find_spec(package) is None:
            continue
        try:
            out = _attend(name, query, key, value)
        except (RuntimeError, ValueError, ImportError) as error:  # this device or build has no such kernel
            log.debug("attention backend %s is not usable: %s", name, error)
            continue
        expected = out if expected is None else expected
        _attend(name, query, key, value)
        error = ((out.float() - expected.float()).norm() / expected.float().norm()).item()
        clock = StageClock(device)
        for _ in range(repeats):
            _attend(name, query, key, value)
        clock.lap("attention")
        results[name] = (clock.seconds()["attention"] / repeats, error)
    return results


def fastest(results: dict[str, tuple[float, float]]) -> str:
    """The fastest backend that is exact enough; PyTorch's own choice if no other is faster by more than noise."""
    exact = {name: seconds for name, (seconds, error) in results.items() if error <= MOST_ERROR}
    exact["native"] *= CLEAR_GAIN
    best = min(exact, key=lambda name: exact[name])
    log.info("attention backend: %s (%s)", best, ", ".join(f"{k} {1e3 * v:.2f} ms" for k, (v, _) in results.items()))
    return best


def use_attention(transformer: nn.Module, name: str) -> None:
    """Let every attention of the transformer go through a backend of diffusers' dispatcher."""
    from diffusers.models.attention_dispatch import AttentionBackendName

    backend = AttentionBackendName(name)
    for module in transformer.modules():
        processor: Any = getattr(module, "processor", None)
        if processor is not None:
            processor._attention_backend = backend


def _attend(name: str, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

    return dispatch_attention_fn(query, key, value, backend=AttentionBackendName(name))
