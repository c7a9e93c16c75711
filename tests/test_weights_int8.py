"""Models whose transformer is stored as eight-bit integers."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from recorded import reference_config, reference_networks
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from flashworld.errors import WeightsError
from flashworld.models.config import ModelConfig
from flashworld.models.fp8 import Fp8Linear, quantise
from flashworld.placement import Plan
from flashworld.weights import load, save
from flashworld.weights.fill import Placement, shape_of
from flashworld.weights.int8 import FromInt8, to_int8
from flashworld.weights.untrained import build_untrained


def drawn_matrix(rows: int, columns: int) -> Tensor:
    """Rows of very different sizes."""
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(3))
    return values * torch.logspace(-8, 8, rows)[:, None]


def test_a_value_stored_as_int8_is_off_by_half_a_scale_at_most():
    matrix = drawn_matrix(999, 40)
    integers, scale = to_int8(matrix)
    assert (integers.dtype, scale.dtype, scale.shape) == (torch.int8, torch.float32, (999, 1))
    error = (integers.double() * scale.double() - matrix.double()).abs()
    assert (error <= scale.double() / 2).all()
    assert (integers.abs().amax(dim=1) == 127).all()
    torch.testing.assert_close(scale[:, 0], matrix.abs().amax(dim=1) / 127, rtol=1 / 256, atol=0)


def test_rows_of_nearly_nothing_stay_zeros():
    matrix = torch.stack([torch.zeros(4), torch.full((4,), 1e-38), torch.full((4,), -3.0)])
    integers, scale = to_int8(matrix)
    assert integers.tolist() == [[0] * 4, [0] * 4, [-127] * 4]
    assert scale[:2].tolist() == [[1.0], [1.0]]
    assert to_int8(torch.tensor([[127.0, 0.5, 1.5, -2.5]]))[0].tolist() == [[127, 0, 2, -2]]  # halves to even


def test_what_was_stored_as_int8_is_stored_as_the_same_again():
    integers, scale = to_int8(drawn_matrix(4096, 16))
    again = to_int8(integers.float() * scale)
    assert torch.equal(again[0], integers)
    assert torch.equal(again[1], scale)


def names_of_matrices(config: ModelConfig) -> set[str]:
    """Of the transformer's blocks."""
    leaves = [f"attn{i}.{part}" for i in (1, 2) for part in ("to_q", "to_k", "to_v", "to_out.0")]
    leaves += ["ffn.net.0.proj", "ffn.net.2"]
    return {f"blocks.{i}.{leaf}.weight" for i in range(config.transformer.num_layers) for leaf in leaves}


def test_int8_folders_hold_what_compressed_tensors_calls_it_and_give_the_products(tmp_path):
    config, networks = reference_config(), reference_networks()
    save(tmp_path, config, networks, trained=True, dtype=torch.int8)
    written = load_file(tmp_path / "transformer.safetensors")
    matrices = names_of_matrices(config)
    assert {name for name, value in written.items() if value.dtype == torch.int8} == matrices
    assert {name for name in written if name.endswith("_scale")} == {f"{name}_scale" for name in matrices}
    model = load(tmp_path)
    for name, value in model.networks.transformer.state_dict().items():
        scale = written.get(f"{name}_scale")
        assert torch.equal(value, written[name].float() * (1.0 if scale is None else scale)), name
        if scale is not None:
            assert scale.dtype == torch.float32
            assert scale.shape == (len(value), 1)
    assert written["blocks.0.attn1.to_q.bias"].dtype == torch.float16
    assert written["blocks.0.scale_shift_table"].dtype == torch.float32
    save(tmp_path / "half", config, networks, trained=True)
    half = load(tmp_path / "half")
    for name in ("recon_decoder", "vae", "text_encoder"):
        stored, expected = (one.networks.named()[name].state_dict() for one in (model, half))
        assert all(torch.equal(stored[key], expected[key]) for key in expected), name
    assert model.weights != half.weights


def test_a_model_read_from_int8_is_written_as_the_same_files(tmp_path):
    save(tmp_path / "first", reference_config(), reference_networks(), trained=True, dtype=torch.int8)
    model = load(tmp_path / "first")
    save(tmp_path / "second", model.config, model.networks, trained=True, dtype=torch.int8)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
    assert load(tmp_path / "second").weights == model.weights


@pytest.mark.slow
def test_int8_files_are_half_as_large(tmp_path):
    model, sizes = build_untrained(Placement(torch.device("cpu"), torch.float32)), []
    for dtype in (torch.int8, torch.float16):
        save(tmp_path / str(dtype), model.config, model.networks, trained=False, dtype=dtype)
        sizes.append((tmp_path / str(dtype) / "transformer.safetensors").stat().st_size)
    assert 0.5 < sizes[0] / sizes[1] < 0.6, "norms and what surrounds the blocks stay as they are"


def change_file(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "transformer.safetensors")
        change(tensors)
        save_file(tensors, folder / "transformer.safetensors")

    return apply


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda tensors: tensors.pop("blocks.0.ffn.net.2.weight_scale"),
            r"transformer.safetensors: blocks.0.ffn.net.2.weight is .* int8, .*_scale is missing: download .*again\.$",
        ),
        (
            lambda tensors: tensors.update({"blocks.0.ffn.net.2.weight_scale": torch.ones(3)}),
            r"blocks.0.ffn.net.2.weight_scale is \[3\], not \[64, 1\]: download",
        ),
        (
            lambda tensors: tensors.pop("blocks.0.ffn.net.2.weight"),
            r"1 tensors are missing \(blocks.0.ffn.net.2.weight\), 1 do not belong .*ffn.net.2.weight_scale\)",
        ),
        (
            lambda tensors: tensors.update(
                {"blocks.0.ffn.net.2.weight": torch.zeros(2, 5, dtype=torch.int8),
                 "blocks.0.ffn.net.2.weight_scale": torch.ones(2, 1)}
            ),
            r"1 have another shape \(blocks.0.ffn.net.2.weight is \[2, 5\], not \[64, ",
        ),
    ],
)  # fmt: skip
def test_faults_of_int8_folders(tmp_path, change, expected):
    folder = tmp_path / "model"
    save(folder, reference_config(), reference_networks(), trained=True, dtype=torch.int8)
    change_file(change)(folder)
    with pytest.raises(WeightsError, match=expected):
        load(folder)


def test_shapes_of_int8_matrices_cost_no_products(monkeypatch):
    integers, scale = to_int8(torch.ones(4, 6))
    tensors = FromInt8({"weight": integers, "weight_scale": scale, "bias": torch.ones(4)}, "a file")
    assert list(tensors) == ["weight", "bias"]
    assert "weight_scale" not in tensors
    with torch.device("meta"):
        layer = nn.Linear(6, 4)
    monkeypatch.setattr(FromInt8, "__getitem__", None)
    assert [shape_of(tensors, name) for name in tensors] == [layer.weight.shape, layer.bias.shape]


def test_eight_bit_blocks_are_made_from_int8_folders_too(tmp_path, monkeypatch):
    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    save(folder, reference_config(), reference_networks(), trained=True, dtype=torch.int8)
    plan = Plan("resident", blocks="fp8")
    exact, first = load(folder), load(folder, plan=plan)
    assert len(list(tmp_path.glob("cache/fp8/*.safetensors"))) == 1
    layers = exact.networks.transformer, first.networks.transformer
    original, layer = (transformer.get_submodule("blocks.0.attn1.to_q") for transformer in layers)
    assert isinstance(layer, Fp8Linear)
    bits, inverse_scale = quantise(original.get_parameter("weight"), "row")
    assert torch.equal(layer.weight.view(torch.uint8), bits.view(torch.uint8))
    assert torch.equal(layer.inverse_scale, inverse_scale)
    assert load(folder, plan=plan).weights == exact.weights
