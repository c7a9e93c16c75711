"""The four-step loop: predict, decode Gaussians, render, encode, re-noise, feed back."""

from flashworld.denoising.loop import DenoiseStep, denoise
from flashworld.denoising.schedule import Schedule

__all__ = ["DenoiseStep", "Schedule", "denoise"]
