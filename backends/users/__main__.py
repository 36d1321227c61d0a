"""`python -m backends.users`: run the users backend until it is told to stop."""

import sys

from backends.common.server import serve

from .app import build_app
from .settings import UsersSettings

if __name__ == "__main__":
    sys.exit(serve(UsersSettings, build_app))
