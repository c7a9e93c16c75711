"""`create_app`: the routes of the studio joined to one application."""

from flask import Flask

from flashworld.apps.studio import events, jobs, machine, pages, paths, published
from flashworld.apps.studio.answers import tell_faults
from flashworld.apps.studio.guard import protect
from flashworld.apps.studio.settings import Settings
from flashworld.jobs import Workshop
from flashworld.request.parsing import MAX_REQUEST_BYTES


def create_app(workshop: Workshop, settings: Settings | None = None) -> Flask:
    """The application that shows a workshop to browsers and programs.

    Args:
        workshop: Takes the jobs. It is started and closed by the caller.
        settings: Whom to answer; by default everyone who reaches it, on this machine's own addresses.
    """
    app = Flask("flashworld.studio", static_folder=None)
    app.json.sort_keys = False  # pyright: ignore[reportAttributeAccessIssue] - of Flask's own provider
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    protect(app, settings or Settings())
    tell_faults(app)
    app.register_blueprint(pages.blueprint())
    app.register_blueprint(published.blueprint(workshop))
    app.register_blueprint(jobs.blueprint(workshop))
    app.register_blueprint(events.blueprint(workshop))
    app.register_blueprint(paths.blueprint())
    app.register_blueprint(machine.blueprint(workshop))
    return app
