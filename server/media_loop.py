"""The event loop, which keeps media in a range of UDP ports that a firewall can open."""

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

import uvloop

logger = logging.getLogger(__name__)


class MediaLoop(uvloop.Loop):
    """An event loop whose UDP sockets that may have any port get one of ``udp_ports``.

    ``udp_ports`` are the lowest and the highest; None leaves the choice to the system. ICE opens
    its sockets with port 0 and can be told no other, so it is the loop that knows the range.
    """

    def __init__(self, udp_ports: tuple[int, int] | None) -> None:
        super().__init__()
        self._ports = None if udp_ports is None else range(udp_ports[0], udp_ports[1] + 1)
        self._next = 0

    # Any: the types of uvloop and asyncio, both above this class, contradict each other.
    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], Any],
        local_addr: Any = None,
        remote_addr: Any = None,
        **options: Any,
    ) -> Any:
        """As of any loop; raises OSError, too, when all of the ports are taken."""
        if self._ports is None or local_addr is None or local_addr[1] != 0:
            return await super().create_datagram_endpoint(
                protocol_factory, local_addr, remote_addr, **options
            )
        bound = self._bind(local_addr[0], self._ports)
        try:
            return await super().create_datagram_endpoint(
                protocol_factory, remote_addr=remote_addr, sock=bound, **options
            )
        except BaseException:
            bound.close()
            raise

    def _bind(self, address: str, ports: range) -> socket.socket:
        """Take the ports in turn: one that was left is free of late packets when it comes again."""
        bound = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
        )
        bound.setblocking(False)
        for _ in ports:
            port = ports[self._next]
            self._next = (self._next + 1) % len(ports)
            try:
                bound.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    bound.close()
                    raise
            else:
                return bound
        bound.close()
        problem = (
            f"all UDP ports {ports[0]} to {ports[-1]} of {address} are taken: widen call.udp_ports"
        )
        logger.warning(problem)  # ICE goes on without this address, and says nothing
        raise OSError(errno.EADDRINUSE, problem)
