"""Wire the notifications backend: settings → an application that delivers from its start to its stop."""

from collections.abc import AsyncIterator

from aiohttp import web

from backends.common.app import make_app
from backends.common.database import open_database
from backends.common.health import Check

from .delivery import Delivery
from .outbox import Outbox
from .resources import DELIVERY, STORE, add_notifications
from .settings import NotificationsSettings
from .store import TABLES, NotificationStore


def build_app(settings: NotificationsSettings) -> web.Application:
    """Return the application; its database is opened and its delivery begun when it starts."""
    outbox = Outbox(settings.outbox, settings.email_from)

    async def deliver(app: web.Application) -> AsyncIterator[None]:
        async with open_database(settings.database, TABLES) as engine:
            app[STORE] = NotificationStore(engine)
            app[DELIVERY] = Delivery(app[STORE], outbox)
            async with app[DELIVERY].running():
                yield

    async def ask_database() -> str | None:
        return await app[STORE].check()

    async def ask_delivery() -> str | None:
        return app[DELIVERY].trouble

    app = make_app(
        settings,
        [
            Check("database", ask_database),
            Check("outbox", outbox.check),
            # While it rests, notifications are still taken and kept.
            Check("delivery", ask_delivery, required=False),
        ],
    )
    app.cleanup_ctx.append(deliver)
    add_notifications(app)
    return app
