"""`flashworld cache`: files that can be made again."""

import click


@click.command("cache")
@click.option("--clear", is_flag=True, help="Remove them.")
def command(clear: bool) -> None:
    """Show how much this program keeps in your cache folder: 8-bit weights, the empty prompt's embedding.

    The next start makes again what it needs. Downloaded weights are not here but in the Hugging Face hub's own cache.
    """
    from flashworld.cache import cache_folder, cached_bytes, clear_cache

    if clear:
        click.echo(f"Removed {clear_cache() / 1e9:.2f} GB from {cache_folder()}.")
    else:
        click.echo(f"{cached_bytes() / 1e9:.2f} GB in {cache_folder()}")
