"""Section 11 of the reference: quantisation to E4M3 and the product of quantised operands."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from flashworld.models.fp8 import Fp8, Fp8Linear, quantise
from flashworld.testing.parity.comparison import Comparison, differing, largest, largest_of_range

FILE = "fp8.safetensors"
SHARE_OF_LARGEST_OUTPUT = 0.01


def compare_fp8(recorded: dict[str, Tensor]) -> Iterator[Comparison]:
    """Bits and scales of every recorded input, then a layer's output against either of two recorded products."""
    cases = sorted(name.removesuffix(".in") for name in recorded if re.fullmatch(r"q\d+\.in", name))
    inputs = {f"{case}.": recorded[f"{case}.in"] for case in cases}
    inputs["linear.weight_"] = recorded["linear.weight"]
    inputs["linear.x_"] = recorded["linear.x"].bfloat16()  # the layer's input under autocast; stored as float32
    for prefix, values in inputs.items():
        bits, inverse_scale = quantise(values)
        yield Comparison(FILE, f"{prefix}fp8_bits", differing(bits.view(torch.uint8), recorded[f"{prefix}fp8_bits"]), 0)
        scale_error = largest_of_range(inverse_scale, recorded[f"{prefix}inv_scale"])
        yield Comparison(FILE, f"{prefix}inv_scale", scale_error, 1e-6)
        if f"{prefix}fp8_as_float" in recorded:
            decoded = largest(bits.float(), recorded[f"{prefix}fp8_as_float"])
            yield Comparison(FILE, f"{prefix}fp8_as_float", decoded, 0)
    num_outputs, num_inputs = recorded["linear.weight"].shape
    linear = nn.Linear(num_inputs, num_outputs)
    linear.load_state_dict({"weight": recorded["linear.weight"], "bias": recorded["linear.bias"]})
    with torch.no_grad():
        out = Fp8Linear.from_linear(linear, Fp8(per="tensor"))(recorded["linear.x"]).float()
    nearest = min(largest(out, recorded[f"linear.{name}"]) for name in ("out_emulated_bf16", "out_exact_fp8"))
    tolerance = SHARE_OF_LARGEST_OUTPUT * recorded["linear.out_exact_fp8"].abs().max().item()
    yield Comparison(FILE, "linear (nearer of emulated and exact)", nearest, tolerance)
