"""Named plans: how a model shares a device's memory between its weights and the scene it makes."""

from dataclasses import dataclass, replace
from typing import Literal

from flashworld.errors import BackendError

GIB = 2**30


@dataclass(frozen=True)
class Plan:
    """What leaves the device, and how many views are worked on at once.

    Every choice saves memory and costs time. With the same weights none of them changes the scene, beyond the rounding
    of a convolution over fewer pictures.

    `text_encoder`: `resident`; `streamed`, which rests in main memory and sends its blocks through the device one by
    one, for a new sentence only; or `host`, which also works on the CPU.
    `transformer`: `resident`; `leaving`, which makes room while the two decoders work; or `streamed` by block.
    `decoders` (picture encoder and Gaussian decoder): `resident`, or `visiting` for their work only.
    `blocks`: precision of the transformer's block linears.
    `views_at_once`: how many views are decoded, rendered and encoded together; None works on all that
    are at hand.
    """

    name: str
    text_encoder: Literal["resident", "streamed", "host"] = "resident"
    transformer: Literal["resident", "leaving", "streamed"] = "resident"
    decoders: Literal["resident", "visiting"] = "resident"
    blocks: Literal["fp8", "full"] = "fp8"
    views_at_once: int | None = None

    def describe(self) -> str:
        """What is special about the plan, in words."""
        words = {
            "text encoder streamed": self.text_encoder == "streamed",
            "text encoder on the CPU": self.text_encoder == "host",
            "transformer leaves while views are decoded": self.transformer == "leaving",
            "transformer streamed by block": self.transformer == "streamed",
            "decoders visit": self.decoders == "visiting",
            "8-bit blocks": self.blocks == "fp8",
            f"{self.views_at_once} views at once": self.views_at_once is not None,
        }
        return ", ".join(word for word, holds in words.items() if holds) or "everything resident"

    def with_flags(self, text_encoder: bool, decoders: bool, transformer_meanwhile: bool) -> "Plan":
        """The plan that the three offload options of the command line ask for."""
        flags = {"--offload-t5": text_encoder, "--offload-vae": decoders}
        flags["--offload-transformer-during-vae"] = transformer_meanwhile
        return replace(
            self,
            name=" ".join(flag for flag, given in flags.items() if given) or self.name,
            text_encoder="host" if text_encoder else self.text_encoder,
            decoders="visiting" if decoders else self.decoders,
            transformer="leaving" if transformer_meanwhile else self.transformer,
        )


RESIDENT = Plan("resident", views_at_once=8)
PLANS = (
    RESIDENT,
    Plan("24GB", views_at_once=3),
    Plan("16GB", text_encoder="streamed", views_at_once=6),
    Plan("12GB", text_encoder="streamed", decoders="visiting", views_at_once=2),
    Plan("8GB", text_encoder="streamed", transformer="streamed", decoders="visiting", views_at_once=2),
)
"""From the fastest to the thriftiest; each is named for the card it fits."""

WHOLE = Plan("resident", blocks="full")
"""Everything resident in full precision: for a model that is small."""

CPU_PLAN = replace(WHOLE, name="cpu")
"""Everything in main memory; the only plan of a machine without a GPU."""

NAMES = (*(plan.name for plan in PLANS), CPU_PLAN.name)


def named(name: str) -> Plan:
    """The plan of a name.

    Raises:
        BackendError: There is none of that name.
    """
    for plan in (*PLANS, CPU_PLAN):
        if plan.name.lower() == name.lower():
            return plan
    raise BackendError(f"There is no memory plan {name!r}; use auto or one of: {', '.join(NAMES)}.")


def thriftier(plan: Plan) -> Plan | None:
    """The next plan to try when `plan` ran out of memory; None if there is none."""
    names = [other.name for other in PLANS]
    if plan.name not in names:  # a plan made of flags, or the CPU
        return None if plan.name == CPU_PLAN.name else replace(PLANS[-1], blocks=plan.blocks)
    following = PLANS[names.index(plan.name) + 1 :]
    return replace(following[0], blocks=plan.blocks) if following else None
