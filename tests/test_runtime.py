"""Choices of device, format and model."""

import pytest
import torch

from flashworld.errors import BackendError
from flashworld.runtime import choose_device, choose_dtype, choose_model


def test_devices_that_are_not_here_are_refused_with_a_remedy():
    for name in ("cuda:99", "xpu"):
        with pytest.raises(BackendError, match=f"Device {name} was asked for.*--device cpu"):
            choose_device(name)
    with pytest.raises(BackendError, match="no device called 'gpu'"):
        choose_device("gpu")


def test_choices_follow_the_device():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_dtype(torch.device("cuda")) == torch.bfloat16
    assert choose_dtype(torch.device("cpu")) == torch.float32
    choice = choose_model(torch.device("cpu"))
    assert (choice.name, "CUDA" in choice.reason) == ("tiny", True)
