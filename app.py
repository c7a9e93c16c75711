"""The local studio: `python app.py`, then open the address that it prints. `python app.py --help` lists the options."""

from flashworld.apps.studio.launch import command

if __name__ == "__main__":
    command()
