"""Hosts of their own on this machine, by Linux' network namespaces (man 8 ip-netns)."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000


class Host:
    """A host that sees its own loopback, and what it is linked to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = ThreadPoolExecutor(1, name, initializer=self._enter)

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run ``work`` on this host, in an event loop and a thread of its own."""
        return self._thread.submit(asyncio.run, work)

    def command(self, *arguments: str) -> list[str]:
        """Return what runs a command on this host."""
        return ["ip", "netns", "exec", self.name, *arguments]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be here, of this process, the calling thread alone: what it opens and starts is here."""
        with Path("/proc/thread-self/ns/net").open() as before:
            self._enter()
            try:
                yield
            finally:
                _enter(before, "the host before")

    def link(self, other: "Host", subnet: str) -> None:
        """Lay a cable to ``other``; ``subnet`` such as "10.9.1": this host is .1, the other .2."""
        _ip("-n", self.name, "link", "add", f"to-{subnet}", "type", "veth",
            "peer", "name", "cable", "netns", other.name)  # fmt: skip
        for host, device, address in ((self, f"to-{subnet}", 1), (other, "cable", 2)):
            _ip("-n", host.name, "address", "add", f"{subnet}.{address}/24", "dev", device)
            _ip("-n", host.name, "link", "set", device, "up")

    def add_address(self, address: str) -> None:
        """Give this host one more address."""
        _ip("-n", self.name, "address", "add", f"{address}/32", "dev", "lo")

    def add_route(self, address: str, gateway: str) -> None:
        """Tell this host the way to an address."""
        _ip("-n", self.name, "route", "add", address, "via", gateway)

    def close(self) -> None:
        """Wait for what runs here."""
        self._thread.shutdown()

    def _enter(self) -> None:
        with Path("/run/netns", self.name).open() as namespace:
            _enter(namespace, self.name)


def missing() -> str | None:
    """Return what hosts cannot be made without; None: they can be made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux, and root"
    if shutil.which("ip") is None:
        return "network namespaces need iproute2: run `make setup-dev` as root"
    try:
        with host("likeness-probe"):
            return None
    except subprocess.CalledProcessError as error:
        return f"this machine makes no network namespaces: {error.stderr.strip()}"


@contextlib.contextmanager
def host(name: str) -> Iterator[Host]:
    """Make a host, and remove it at the end."""
    full_name = f"{name}-{os.getpid()}"
    _ip("netns", "add", full_name)
    try:
        _ip("-n", full_name, "link", "set", "lo", "up")
        made = Host(full_name)
        try:
            yield made
        finally:
            made.close()
    finally:
        _ip("netns", "delete", full_name)


def _enter(namespace: TextIO, name: str) -> None:
    # Of this thread alone. os.setns is there from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
