"""`python -m backends.notifications`: run the notifications backend until it is told to stop."""

import sys

from backends.common.server import serve

from .app import build_app
from .settings import NotificationsSettings

if __name__ == "__main__":
    sys.exit(serve(NotificationsSettings, build_app))
