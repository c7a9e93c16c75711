"""Sizes of a model, and the two that we know: the published one and the small one that comes with the package."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter

RAY_CHANNELS = 6
PIXELS_PER_LATENT = 16

Part = TypeVar("Part")


@dataclass(frozen=True)
class TransformerConfig:
    """A Wan diffusion transformer. Names as in diffusers; channels follow from the autoencoder and the features."""

    num_layers: int
    num_attention_heads: int
    attention_head_dim: int
    ffn_dim: int
    freq_dim: int
    text_dim: int
    patch_size: tuple[int, int, int]
    rope_max_seq_len: int = 1024
    eps: float = 1e-6


@dataclass(frozen=True)
class AutoencoderConfig:
    """A Wan 2.2 autoencoder. Names as in diffusers, including the spelling of `temperal_downsample`.

    `base_dim` and `decoder_base_dim` are the widths of the first encoder and last decoder level, which `dim_mult`
    multiplies. The denoiser works on latents from which `latents_mean` is taken and which are divided by `latents_std`.
    """

    base_dim: int
    decoder_base_dim: int
    z_dim: int
    dim_mult: tuple[int, ...]
    num_res_blocks: int
    temperal_downsample: tuple[bool, ...]
    latents_mean: tuple[float, ...]
    latents_std: tuple[float, ...]


@dataclass(frozen=True)
class TextConfig:
    """A UMT5 encoder. Names as in transformers. The defaults of the last two are UMT5's own."""

    vocab_size: int
    d_model: int
    d_kv: int
    d_ff: int
    num_layers: int
    num_heads: int
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128


@dataclass(frozen=True)
class ModelConfig:
    """All sizes of a model.

    `native` (frames, height, width) is the size at which it works best; None means that any size is as good.
    `denoising_steps` index a schedule of 1000 noise levels, `shift` bends that schedule towards noise.
    `anchored` scenes take the given view's colours from the picture itself (`flashworld.anchoring`); the published
    model's do not.
    """

    transformer: TransformerConfig
    autoencoder: AutoencoderConfig
    text: TextConfig
    feature_channels: int
    native: tuple[int, int, int] | None = None
    denoising_steps: tuple[int, ...] = (0, 250, 500, 750)
    shift: float = 3.0
    points_per_pixel: int = 2
    sh_degree: int = 2
    anchored: bool = False

    @property
    def in_channels(self) -> int:
        """Noisy latents, ray map, condition latents, previous features, previous latents."""
        return 3 * self.autoencoder.z_dim + RAY_CHANNELS + self.feature_channels

    @property
    def out_channels(self) -> int:
        """Velocity and features."""
        return self.autoencoder.z_dim + self.feature_channels

    @property
    def size_multiple(self) -> int:
        """Picture sides must be multiples of this many pixels."""
        return PIXELS_PER_LATENT * max(self.transformer.patch_size[1:])

    @classmethod
    def from_pretrained_parts(
        cls,
        transformer: Mapping[str, Any],
        autoencoder: Mapping[str, Any],
        text: Mapping[str, Any],
        feature_channels: int,
    ) -> "ModelConfig":
        """From the configurations that diffusers and transformers write beside pretrained weights."""
        return cls(
            transformer=select(TransformerConfig, transformer),
            autoencoder=select(AutoencoderConfig, autoencoder),
            text=select(TextConfig, text),
            feature_channels=feature_channels,
        )

    def to_json(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, from which `select` makes the sizes again."""
        return asdict(self)


def select(part: type[Part], values: Mapping[str, Any]) -> Part:
    """The fields of a dataclass out of a configuration file, which may say much else besides.

    Raises:
        ValidationError: A field is missing or of another type.
    """
    return TypeAdapter(part).validate_python(values)


# Statistics of the published autoencoder's 48 latent channels (configuration of Wan-AI/Wan2.2-TI2V-5B-Diffusers).
_LATENTS_MEAN = (
    -0.2289,
    -0.0052,
    -0.1323,
    -0.2339,
    -0.2799,
    0.0174,
    0.1838,
    0.1557,
    -0.1382,
    0.0542,
    0.2813,
    0.0891,
    0.157,
    -0.0098,
    0.0375,
    -0.1825,
    -0.2246,
    -0.1207,
    -0.0698,
    0.5109,
    0.2665,
    -0.2108,
    -0.2158,
    0.2502,
    -0.2055,
    -0.0322,
    0.1109,
    0.1567,
    -0.0729,
    0.0899,
    -0.2799,
    -0.123,
    -0.0313,
    -0.1649,
    0.0117,
    0.0723,
    -0.2839,
    -0.2083,
    -0.052,
    0.3748,
    0.0152,
    0.1957,
    0.1433,
    -0.2944,
    0.3573,
    -0.0548,
    -0.1681,
    -0.0667,
)
_LATENTS_STD = (
    0.4765,
    1.0364,
    0.4514,
    1.1677,
    0.5313,
    0.499,
    0.4818,
    0.5013,
    0.8158,
    1.0344,
    0.5894,
    1.0901,
    0.6885,
    0.6165,
    0.8454,
    0.4978,
    0.5759,
    0.3523,
    0.7135,
    0.6804,
    0.5833,
    1.4146,
    0.8986,
    0.5659,
    0.7069,
    0.5338,
    0.4889,
    0.4917,
    0.4069,
    0.4999,
    0.6866,
    0.4093,
    0.5709,
    0.6065,
    0.6415,
    0.4944,
    0.5726,
    1.2042,
    0.5458,
    1.6887,
    0.3971,
    1.06,
    0.3943,
    0.5537,
    0.5444,
    0.4089,
    0.7468,
    0.7744,
)

FLASHWORLD = ModelConfig(
    transformer=TransformerConfig(
        num_layers=30,
        num_attention_heads=24,
        attention_head_dim=128,
        ffn_dim=14336,
        freq_dim=256,
        text_dim=4096,
        patch_size=(1, 2, 2),
    ),
    autoencoder=AutoencoderConfig(
        base_dim=160,
        decoder_base_dim=256,
        z_dim=48,
        dim_mult=(1, 2, 4, 4),
        num_res_blocks=2,
        temperal_downsample=(False, True, True),
        latents_mean=_LATENTS_MEAN,
        latents_std=_LATENTS_STD,
    ),
    text=TextConfig(vocab_size=256384, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64),
    feature_channels=1024,
)
"""The published model: 5.0 billion values in the transformer, 24 views of 480 x 704 pixels make 4 million Gaussians."""

TINY = ModelConfig(
    transformer=TransformerConfig(
        num_layers=12,
        num_attention_heads=12,
        attention_head_dim=32,
        ffn_dim=1024,
        freq_dim=256,
        text_dim=96,
        patch_size=(1, 1, 1),
    ),
    autoencoder=AutoencoderConfig(
        base_dim=32,
        decoder_base_dim=32,
        z_dim=96,
        dim_mult=(1, 2, 4, 4),
        num_res_blocks=1,
        temperal_downsample=(False, False, False),
        latents_mean=(0.0,) * 96,
        latents_std=(1.0,) * 96,
    ),
    text=TextConfig(vocab_size=384, d_model=96, d_kv=24, d_ff=256, num_layers=4, num_heads=4),
    feature_channels=64,
    native=(6, 96, 128),
    anchored=True,
)
"""The model that comes with the package, for machines without a GPU. Its tokens are bytes, so it needs no vocabulary.

Patches are single latents: with all latent channels of a 2 x 2 patch a network this narrow could not pass its input on.
Of 96 linear codes a cell keeps 30.2 dB on held-out worlds, of the published 48 it would keep 27.9 dB.
"""
