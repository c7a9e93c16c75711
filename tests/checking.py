"""What checks calls against annotations while tests run; `conftest.py` puts it into the package's modules."""

from beartype import BeartypeConf, beartype

check_call = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""As static checkers see it, an int is welcome where a float is asked for."""
