"""Make the application that a backend fills with its resources: ids, errors, the body limit and health are in it."""

from collections.abc import Sequence

from aiohttp import web

from .correlation import correlate
from .errors import make_error_middleware
from .health import Check, add_health
from .reading import BODY_LIMIT
from .settings import BackendSettings


def make_app(settings: BackendSettings, checks: Sequence[Check]) -> web.Application:
    """Return an application without resources of its own but the three of health."""
    show_stack = settings.environment == "development"
    # The id comes first, so that an error body has one.
    app = web.Application(middlewares=[correlate, make_error_middleware(show_stack)], client_max_size=BODY_LIMIT)
    add_health(app, settings.service, checks)
    return app
