"""Wire the users backend: settings → an application that has its database open from its start to its stop."""

from collections.abc import AsyncIterator

from aiohttp import web

from backends.common.app import make_app
from backends.common.database import open_database
from backends.common.health import Check

from .resources import STORE, add_users
from .settings import UsersSettings
from .store import TABLES, UserStore


def build_app(settings: UsersSettings) -> web.Application:
    """Return the application; nothing is opened before it starts."""

    async def keep_store(app: web.Application) -> AsyncIterator[None]:
        async with open_database(settings.database, TABLES) as engine:
            app[STORE] = UserStore(engine)
            yield

    async def ask_database() -> str | None:
        return await app[STORE].check()

    app = make_app(settings, [Check("database", ask_database)])
    app.cleanup_ctx.append(keep_store)
    add_users(app)
    return app
