"""The resources under `/api/v1/notifications`: read the question, ask the store, answer."""

from aiohttp import web

from backends.common.correlation import CORRELATION_ID
from backends.common.reading import no_such, read_body, read_id, read_query
from backends.common.replies import answer

from .delivery import Delivery
from .model import NewNotification, NotificationsQuestion
from .store import NotificationStore

PATH = "/api/v1/notifications"

STORE = web.AppKey("notifications_store", NotificationStore)
DELIVERY = web.AppKey("delivery", Delivery)


def add_notifications(app: web.Application) -> None:
    """Add the resources; the application must hold its store and its delivery once it runs."""
    app.router.add_post(PATH, accept_notification)
    app.router.add_get(PATH, list_notifications)
    app.router.add_get(PATH + "/{id}", read_notification)


async def accept_notification(request: web.Request) -> web.Response:
    """202 with the queued notification and where to see what becomes of it."""
    new = await read_body(request, NewNotification)
    notification = await request.app[STORE].add(new, request[CORRELATION_ID])
    request.app[DELIVERY].wake()
    return answer(notification, 202, {"Location": f"{PATH}/{notification.id}"})


async def list_notifications(request: web.Request) -> web.Response:
    """200 with one page of the notifications."""
    return answer(await request.app[STORE].page(read_query(request, NotificationsQuestion)))


async def read_notification(request: web.Request) -> web.Response:
    """200 with the notification; 404."""
    notification_id = read_id(request)
    notification = await request.app[STORE].find(notification_id)
    if notification is None:
        raise no_such(notification_id)
    return answer(notification)
