"""Every error that a user can cause or mend.

Each message says what was given, what is allowed and what to do. All of them are `ValueError`s, so library callers can
catch one family; applications catch `FlashWorldError` once and show its text without a traceback.
"""


class FlashWorldError(ValueError):
    """Base of all errors that are meant for a person to read."""


class RequestError(FlashWorldError):
    """A request that breaks the schema. `faults` holds one sentence per fault, each naming its field."""

    def __init__(self, faults: list[str]):
        self.faults = faults
        super().__init__("\n".join(faults))


class WeightsError(FlashWorldError):
    """Weights that are missing, incomplete, of another shape or unsafe to read."""


class BackendError(FlashWorldError):
    """A device, rasteriser or optional package that was asked for and is not usable here."""


class FormatError(FlashWorldError):
    """A file that cannot be read or written as the format its name or content claims."""


class Cancelled(Exception):  # noqa: N818 - a request to stop, not a fault
    """Raised by a progress callback to stop work between two of its reports."""
