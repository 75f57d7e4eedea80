"""An application, a host and a port → a server's settings, and the socket that it listens at."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from bywords.errors import SettingError
from bywords.extras import needed

if TYPE_CHECKING:
    import socket

BACKLOG = 2048  # who asks before a worker is ready waits


def listening(app: Any, host: str, port: int, *, stop_seconds: int, **more: Any) -> tuple[Any, socket.socket, str]:
    """The settings of uvicorn, a socket that listens, and the address of the page at it.

    Raises: SettingError where nothing can listen there.
    """
    import socket

    uvicorn = needed("uvicorn", what="a server")
    needed("httptools", what="a server")
    from bywords.cli.connections import Connection

    config = uvicorn.Config(
        app, host=host, port=port, http=Connection, ws="none", access_log=False, log_config=None, server_header=False,
        proxy_headers=False, date_header=False, timeout_graceful_shutdown=stop_seconds, lifespan="on", **more,
    )  # fmt: skip
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, ValueError) as error:
        raise SettingError(f"cannot listen at {host}, port {port}: {error}. Choose another with --port.") from None
    name, bound = sock.getsockname()[:2]
    return config, sock, f"http://{f'[{name}]' if ':' in name else name}:{bound}/"


def is_local(host: str) -> bool:
    """Whether only this machine can ask at a host."""
    import ipaddress

    with contextlib.suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False
