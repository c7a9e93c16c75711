"""Loading: the published layout in miniature, our own folders, the untrained model, and every way in which it fails."""

import json
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from recorded import recorded, reference_config, reference_networks, reference_parts, under
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import ByT5Tokenizer

from flashworld.cache import clear_cache
from flashworld.cameras import Cameras
from flashworld.errors import WeightsError
from flashworld.events import Progress
from flashworld.models.config import TINY
from flashworld.models.fp8 import Fp8Linear, Scaling, quantise
from flashworld.placement import Plan
from flashworld.weights import load, quantised, save
from flashworld.weights.fill import Placement, fill
from flashworld.weights.fingerprint import fingerprint
from flashworld.weights.untrained import build_untrained

CPU = torch.device("cpu")


def write_sharded(folder: Path, stem: str, tensors: dict[str, Tensor]) -> None:
    """Two shards and their index, as large models are published."""
    shards: tuple[dict, dict] = ({}, {})
    for number, (name, tensor) in enumerate(tensors.items()):
        shards[number % 2][name] = tensor.contiguous()
    files = [f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for file, shard in zip(files, shards, strict=True):
        save_file(shard, folder / file)
    weight_map = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


@pytest.fixture
def published(tmp_path) -> Path:
    """A miniature of Wan's folder, with FlashWorld's checkpoint as `model.ckpt` inside."""
    folder, weights, (sizes, text) = tmp_path / "wan", recorded("tiny_model"), reference_parts()
    for part, config in {"transformer": sizes["transformer"], "vae": sizes["vae"], "text_encoder": text}.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps({"_class_name": "X", "clip_output": False, **config}))
    # Were this file opened, loading would fail: the checkpoint replaces the pretrained transformer.
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"not to be read")
    write_sharded(folder / "text_encoder", "model", under(recorded("text"), "umt5."))
    save_file(under(weights, "vae_pretrained."), folder / "vae" / "diffusion_pytorch_model.safetensors")
    ByT5Tokenizer().save_pretrained(str(folder / "tokenizer"))
    parts = ("transformer", "recon_decoder")
    torch.save({part: under(weights, f"{part}.") for part in parts}, folder / "model.ckpt")
    return folder


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_published_layout_loads_strictly_and_gives_the_recorded_numbers(published):
    reports: list[Progress] = []
    model = load(published, device="cpu", report=reports.append)
    expected = reference_networks()
    for name, module in model.networks.named().items():
        assert same_weights(module, expected.named()[name]), name
    assert (model.config, model.trained, model.dtype) == (reference_config(), True, torch.float32)
    assert [p.done for p in reports] == list(range(1, reports[-1].total + 1))
    data = recorded("transformer")
    velocity, _ = model.denoiser(data["hidden_states"], data["timestep"], data["encoder_hidden_states"])
    torch.testing.assert_close(velocity, data["v_pred"], atol=3e-5, rtol=0)


def test_checkpoint_can_be_safetensors_and_elsewhere(published, tmp_path):
    elsewhere = tmp_path / "mine.safetensors"
    save_file(recorded("tiny_model"), elsewhere)
    (published / "model.ckpt").unlink()
    model = load(published, ckpt=elsewhere)
    assert same_weights(model.networks.transformer, reference_networks().transformer)


def test_shared_embedding_may_be_stored_twice(published):
    text = under(recorded("text"), "umt5.")
    write_sharded(
        published / "text_encoder", "model", {**text, "encoder.embed_tokens.weight": text["shared.weight"].clone()}
    )
    umt5 = load(published).networks.text_encoder
    assert umt5.encoder.embed_tokens.weight is umt5.shared.weight


def test_shorter_formats_keep_norms_and_geometry_in_float32(published):
    networks = load(published, dtype=torch.bfloat16).networks
    formats = {name: value.dtype for name, value in networks.transformer.state_dict().items()}
    assert formats["blocks.0.attn1.to_q.weight"] == torch.bfloat16
    assert formats["blocks.0.norm2.weight"] == formats["scale_shift_table"] == torch.float32
    assert networks.transformer.rope.freqs_cos.dtype == torch.float32
    assert networks.recon_decoder.gs_head.gs_proj.weight.dtype == torch.float32
    assert networks.recon_decoder.extra_conv_in.weight.dtype == torch.bfloat16


def in_hub_cache(cache: Path, repository: str, content: Path) -> None:
    """Make `content` the cached snapshot of a repository."""
    entry = cache / f"models--{repository.replace('/', '--')}"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("0" * 40)
    (entry / "snapshots").mkdir()
    content.rename(entry / "snapshots" / ("0" * 40))


@pytest.fixture
def offline_cache(tmp_path, monkeypatch) -> Path:
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def test_published_model_comes_from_the_hub(published, offline_cache, tmp_path):
    (tmp_path / "own").mkdir()
    (published / "model.ckpt").rename(tmp_path / "own" / "model.ckpt")
    in_hub_cache(offline_cache, "Wan-AI/Wan2.2-TI2V-5B-Diffusers", published)
    with pytest.raises(WeightsError, match=r"model.ckpt of imlixinyang/FlashWorld .*--ckpt"):
        load("flashworld")
    in_hub_cache(offline_cache, "imlixinyang/FlashWorld", tmp_path / "own")
    assert same_weights(load("flashworld").networks.vae, reference_networks().vae)


def test_hub_out_of_reach_says_what_to_do(published, offline_cache):
    assert not offline_cache.exists()
    with pytest.raises(WeightsError, match=r"Wan2.2-TI2V-5B-Diffusers is neither .*--model FOLDER"):
        load("flashworld", ckpt=published / "model.ckpt")


class RunsCode:
    """Unpickling this would make a folder."""

    def __reduce__(self):
        return os.mkdir, ("pickle_has_run",)


def change_checkpoint(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        checkpoint = torch.load(folder / "model.ckpt", weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, folder / "model.ckpt")

    return apply


def truncate(name: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return apply


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).rename(folder.parent / "away")


def write(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


def change_json(name: str, change: Callable[[dict], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return apply


def reshape(part: str, name: str) -> Callable[[Path], None]:
    return change_checkpoint(lambda entries: entries[part].update({name: torch.zeros(3, 4)}))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no checkpoint": (remove("model.ckpt"), r"neither config.json nor model.ckpt .*--ckpt"),
    "truncated checkpoint": (truncate("model.ckpt"), r"model.ckpt is cut short.*copy it again"),
    "empty checkpoint": (write("model.ckpt", ""), r"model.ckpt is cut short"),
    "a web page instead": (write("model.ckpt", "<html>log in</html>"), r"model.ckpt is cut short or is no checkpoint"),
    "pickled code": (
        change_checkpoint(lambda entries: entries.update(extra=RunsCode())),
        r"model.ckpt was refused .*foreign code",
    ),
    "no transformer in it": (
        change_checkpoint(lambda entries: entries.pop("transformer")),
        r"model.ckpt is not a FlashWorld checkpoint.*under transformer",
    ),
    "missing tensor": (
        change_checkpoint(lambda entries: entries["transformer"].pop("proj_out.bias")),
        r"model.ckpt \(transformer\) does not hold .*1 tensors are missing \(proj_out.bias\)",
    ),
    "unexpected tensor": (
        change_checkpoint(lambda entries: entries["recon_decoder"].update(surplus=torch.zeros(1))),
        r"model.ckpt \(recon_decoder\) .*1 do not belong to it \(surplus\)",
    ),
    "wrong shape": (
        reshape("transformer", "proj_out.weight"),
        r"1 have another shape \(proj_out.weight is \[3, 4\], not \[96, 64\]\)",
    ),
    "feature input of another kind": (
        reshape("recon_decoder", "extra_conv_in.weight"),
        r"not a FlashWorld checkpoint: recon_decoder has no extra_conv_in.weight",
    ),
    "truncated autoencoder": (
        truncate("vae/diffusion_pytorch_model.safetensors"),
        r"diffusion_pytorch_model.safetensors is cut short",
    ),
    "no autoencoder": (remove("vae/diffusion_pytorch_model.safetensors"), r"no .safetensors file in .*vae"),
    "no shard": (
        remove("text_encoder/model-00002-of-00002.safetensors"),
        r"model-00002-of-00002.safetensors is missing: download",
    ),
    "no text encoder": (remove("text_encoder"), r"has no folder text_encoder: give a copy of Wan-AI"),
    "no tokenizer": (remove("tokenizer"), r"has no folder tokenizer"),
    "empty tokenizer": (remove("tokenizer/tokenizer_config.json"), r"No tokenizer can be read from .*tokenizer"),
    "no configuration": (remove("transformer/config.json"), r"transformer/config.json is missing"),
    "damaged configuration": (write("vae/config.json", "{"), r"vae/config.json is no JSON"),
    "configuration of something else": (write("vae/config.json", "{}"), r"vae/config.json: base_dim: field required"),
    "configuration of another type": (
        change_json("transformer/config.json", lambda sizes: sizes.update(num_layers="abc")),
        r"transformer/config.json: num_layers: 'abc' was given: .*integer",
    ),
    "configuration that is a list": (write("vae/config.json", "[]"), r"vae/config.json is no JSON object"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_gives_one_clear_sentence(published, fault, monkeypatch):
    monkeypatch.chdir(published)
    spoil, expected = FAULTS[fault]
    spoil(published)
    with pytest.raises(WeightsError, match=expected) as caught:
        load(published)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not Path("pickle_has_run").exists()


def test_a_model_that_is_not_there_says_where_it_looked(tmp_path):
    with pytest.raises(WeightsError, match=r"There is no model at .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"There is no checkpoint at .*nowhere\.ckpt"):
        load("flashworld", ckpt=tmp_path / "nowhere.ckpt")
    with pytest.raises(WeightsError, match="takes no checkpoint"):
        load("tiny", ckpt="model.ckpt")


class Watched(Mapping[str, Tensor]):
    """Tensors made when asked for, counting those that somebody still holds."""

    def __init__(self, shapes: dict[str, torch.Size]):
        self._shapes = shapes
        self._given: list[weakref.ref] = []

    def __getitem__(self, name: str) -> Tensor:
        tensor = torch.zeros(self._shapes[name])
        self._given.append(weakref.ref(tensor))
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def alive(self) -> int:
        return sum(reference() is not None for reference in self._given)


def test_weights_are_never_held_twice():
    with torch.device("meta"):
        network = nn.Sequential(*(nn.Linear(8, 8) for _ in range(5)))
    source = Watched({name: value.shape for name, value in network.state_dict().items()})
    alive: list[int] = []
    fill(network, source, "a file", Placement(CPU, torch.bfloat16), lambda: alive.append(source.alive()))
    assert len(alive) == 10
    assert max(alive) == 0, "a converted tensor outlives its conversion"


def test_unconverted_weights_are_the_file_itself():
    with torch.device("meta"):
        network = nn.Linear(8, 8)
    tensors = {"weight": torch.ones(8, 8), "bias": torch.ones(8)}
    fill(network, tensors, "a file", Placement(CPU, torch.float32))
    assert network.weight.data_ptr() == tensors["weight"].data_ptr()


def test_a_refused_file_leaves_the_network_empty():
    with torch.device("meta"):
        network = nn.Linear(8, 8)
    with pytest.raises(WeightsError):
        fill(network, {"weight": torch.ones(8, 8)}, "a file", Placement(CPU, torch.float32))
    assert network.weight.is_meta


def test_own_folder_round_trip(tmp_path):
    config, networks = reference_config(), reference_networks()
    save(tmp_path, config, networks, trained=True, dtype=torch.float32)
    model = load(tmp_path)
    assert (model.config, model.trained) == (config, True)
    for name, module in model.networks.named().items():
        assert same_weights(module, networks.named()[name]), name
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (remove("vae.safetensors"), r"vae.safetensors is missing"),
        (truncate("transformer.safetensors"), r"transformer.safetensors is cut short"),
        (write("config.json", '{"format": "other"}'), r"does not describe a FlashWorld model"),
        (change_json("config.json", lambda own: own.pop("trained")), r"config.json: trained: field required; download"),
        (change_json("config.json", lambda own: own.pop("config")), r"config.json: config: field required"),
        (
            change_json("config.json", lambda own: own["config"].pop("transformer")),
            r"config.json: config.transformer: field required",
        ),
        (
            change_json("config.json", lambda own: own["config"]["transformer"].update(num_layers="abc")),
            r"config.json: config.transformer.num_layers: 'abc' was given: .*valid integer",
        ),
        (
            change_json("config.json", lambda own: own["config"].update(denoising_steps="abc")),
            r"config.json: config.denoising_steps: 'abc' was given: .*valid tuple",
        ),
    ],
)
def test_faults_of_own_folders(tmp_path, spoil, expected):
    folder = tmp_path / "model"
    save(folder, reference_config(), reference_networks(), trained=True)
    spoil(folder)
    with pytest.raises(WeightsError, match=expected):
        load(folder)


def test_half_precision_files_keep_geometry_exact(tmp_path):
    networks = reference_networks()
    save(tmp_path, reference_config(), networks, trained=False)
    model = load(tmp_path)
    assert not model.trained
    assert same_weights(model.networks.recon_decoder.gs_head, networks.recon_decoder.gs_head)
    vae = model.networks.vae.state_dict()
    for name, value in networks.vae.state_dict().items():
        torch.testing.assert_close(vae[name], value, atol=1e-4, rtol=1e-3)


def test_untrained_model_is_the_same_whatever_the_global_seed():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = build_untrained(Placement(CPU, torch.float32))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = build_untrained(Placement(CPU, torch.float32))
    assert (first.trained, first.config, first.weights) == (False, TINY, second.weights)
    for name, module in first.networks.named().items():
        assert same_weights(module, second.networks.named()[name])
        assert not any(value.is_meta for value in [*module.parameters(), *module.buffers()])


def test_tiny_says_whether_it_is_trained():
    model = load("tiny")
    assert model.trained != model.weights.startswith("untrained:")


def test_untrained_model_makes_a_visible_scene():
    model = build_untrained(Placement(CPU, torch.float32))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(1, model.config.in_channels, 3, 4, 6, generator=generator)
    cameras = Cameras.from_vectors(torch.tensor([[[1.0, 0, 0, 0, 0, 0, 0, 0.8, 1.1, 0.5, 0.5]] * 3]))
    with torch.no_grad():
        text = model.text_encoder(["a red house"])
        _, features = model.denoiser(inputs, torch.tensor([1000.0]), text)
        scene = model.decoder(features, inputs[:, : model.config.autoencoder.z_dim], cameras)[0]
    assert len(scene) == 3 * 2 * 32 * 48
    assert scene.vectors().isfinite().all()
    assert scene.opacities.median() > 0.3
    assert scene.harmonics[:, 0].std() > 0.3, "all of one colour"
    assert (scene.means[:, 2] < -0.5).float().mean() > 0.9, "not in front of the cameras"


def test_fingerprint_sees_a_changed_byte_and_a_changed_size(tmp_path):
    path = tmp_path / "weights"
    prints = set()
    for content in (b"a" * 100, b"a" * 99 + b"b", b"a" * 101, b"", bytes(2**20 + 5), bytes(2**20 + 4) + b"x"):
        path.write_bytes(content)
        prints.add(fingerprint([path]))
        assert fingerprint([path]) == fingerprint([path])
    assert len(prints) == 6


FP8_PLAN = Plan("resident", blocks="fp8")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FLASHWORLD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_eight_bit_weights_are_made_once_and_then_read_from_the_cache(published, cache, monkeypatch):
    first = load(published, plan=FP8_PLAN)
    (kept,) = cache.glob("fp8/*.safetensors")
    layer = first.networks.transformer.get_submodule("blocks.0.attn1.to_q")
    assert isinstance(layer, Fp8Linear)
    original = torch.load(published / "model.ckpt", weights_only=True)["transformer"]["blocks.0.attn1.to_q.weight"]
    bits, inverse_scale = quantise(original, "row")
    assert torch.equal(layer.weight.view(torch.uint8), bits.view(torch.uint8))
    assert torch.equal(layer.inverse_scale, inverse_scale)
    monkeypatch.setattr(quantised, "quantise", None)  # a second start quantises nothing
    second = load(published, plan=FP8_PLAN)
    for name, value in first.networks.transformer.state_dict().items():
        again = second.networks.transformer.state_dict()[name]
        assert again.dtype == value.dtype
        assert torch.equal(again.float(), value.float()), name
    assert list(cache.glob("fp8/*")) == [kept], "something half written was left"
    assert clear_cache() > 0
    assert not list(cache.iterdir()), "a file that 'flashworld cache --clear' does not know"


@pytest.mark.usefixtures("cache")
def test_each_layer_is_quantised_once(published, monkeypatch):
    made: list[torch.Size] = []

    def counted(values: torch.Tensor, per: Scaling) -> tuple[torch.Tensor, torch.Tensor]:
        made.append(values.shape)
        return quantise(values, per)

    monkeypatch.setattr(quantised, "quantise", counted)
    model = load(published, plan=FP8_PLAN)
    assert len(made) == sum(isinstance(layer, Fp8Linear) for layer in model.networks.transformer.modules()) > 10


def test_other_weights_have_another_place_in_the_cache(published, cache):
    load(published, plan=FP8_PLAN)
    change_checkpoint(lambda entries: entries["transformer"]["proj_out.bias"].add_(1))(published)
    load(published, plan=FP8_PLAN)
    assert len(list(cache.glob("fp8/*.safetensors"))) == 2


def test_a_damaged_cache_is_made_again(published, cache, caplog):
    load(published, plan=FP8_PLAN)
    (kept,) = cache.glob("fp8/*.safetensors")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    load(published, plan=FP8_PLAN)
    assert "damaged" in caplog.text
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_the_next_start(published, cache, caplog):
    cache.write_text("a file where the folder should be")
    assert load(published, plan=FP8_PLAN).trained
    assert "were not cached" in caplog.text


def test_the_text_encoder_is_read_for_the_first_unknown_prompt_only(tmp_path, cache):
    tiny, folder = build_untrained(Placement(CPU, torch.float32)), tmp_path / "model"
    save(folder, tiny.config, tiny.networks, trained=False, dtype=torch.float32)
    plan = Plan("thrifty", text_encoder="host", blocks="full")
    expected = tiny.text_encoder([""])
    first = load(folder, plan=plan)
    assert first.networks.text_encoder.shared.weight.is_meta
    torch.testing.assert_close(first.text_encoder([""]), expected)
    assert not first.networks.text_encoder.shared.weight.is_meta
    second = load(folder, plan=plan)
    torch.testing.assert_close(second.text_encoder([""]), expected)
    assert second.networks.text_encoder.shared.weight.is_meta, "the empty prompt needs no encoder"
    second.text_encoder(["a house"])
    assert not second.networks.text_encoder.shared.weight.is_meta
    assert clear_cache() > 0
    assert not list(cache.iterdir()), "a file that 'flashworld cache --clear' does not know"
