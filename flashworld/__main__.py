"""`python -m flashworld` is the command line."""

from flashworld.apps.cli import main

if __name__ == "__main__":
    main()
