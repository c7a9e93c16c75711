"""`Settings`: whom the studio answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a studio is reached.

    Attributes:
        token: What every asker has to know; none lets everyone in who reaches the address.
        cors: Origins (`https://example.org`) whose pages may use the interface; `*` is all of them.
        hosts: Names besides `localhost` and plain addresses by which the studio is reached. Another name in a request
            is a page elsewhere that had its own name lead here.
    """

    token: str | None = None
    cors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def open_to_all(self) -> bool:
        """Whether pages of every origin are let in."""
        return "*" in self.cors
