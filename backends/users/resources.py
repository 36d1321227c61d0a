"""The resources under `/api/v1/users`: read the question, ask the store, answer."""

from aiohttp import web

from backends.common.errors import ApiError, Detail
from backends.common.paging import PageQuestion
from backends.common.reading import no_such, read_body, read_id, read_query
from backends.common.replies import answer

from .model import NewUser, UserChanges
from .store import EmailTakenError, UserStore

PATH = "/api/v1/users"

STORE = web.AppKey("users_store", UserStore)


def add_users(app: web.Application) -> None:
    """Add the resources; the application must hold its store under `STORE` once it runs."""
    app.router.add_post(PATH, create_user)
    app.router.add_get(PATH, list_users)
    app.router.add_get(PATH + "/{id}", read_user)
    app.router.add_patch(PATH + "/{id}", change_user)
    app.router.add_delete(PATH + "/{id}", delete_user)


async def create_user(request: web.Request) -> web.Response:
    """201 with the new user and its place; 409 when its address is taken."""
    new = await read_body(request, NewUser)
    try:
        user = await request.app[STORE].create(new)
    except EmailTakenError:
        raise _email_taken() from None
    return answer(user, 201, {"Location": f"{PATH}/{user.id}"})


async def list_users(request: web.Request) -> web.Response:
    """200 with one page of the users."""
    return answer(await request.app[STORE].page(read_query(request, PageQuestion)))


async def read_user(request: web.Request) -> web.Response:
    """200 with the user; 404."""
    user_id = read_id(request)
    user = await request.app[STORE].find(user_id)
    if user is None:
        raise no_such(user_id)
    return answer(user)


async def change_user(request: web.Request) -> web.Response:
    """200 with the changed user; 404; 409 when the new address is taken."""
    user_id = read_id(request)
    changes = await read_body(request, UserChanges)
    try:
        user = await request.app[STORE].change(user_id, changes)
    except EmailTakenError:
        raise _email_taken() from None
    if user is None:
        raise no_such(user_id)
    return answer(user)


async def delete_user(request: web.Request) -> web.Response:
    """204; 404."""
    user_id = read_id(request)
    if not await request.app[STORE].delete(user_id):
        raise no_such(user_id)
    return web.Response(status=204)


def _email_taken() -> ApiError:
    message = "another user has this e-mail address"
    return ApiError(409, message, code="email_taken", details=(Detail("email", "email_taken", message),))
