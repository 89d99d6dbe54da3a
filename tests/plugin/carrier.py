"""Carries connections to where something else listens; run by itself, from a socket to a port of loopback."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def carry_to(connect: Callable[[], Awaitable[Ends]]) -> Callable[..., Awaitable[None]]:
    """Return what a server of asyncio does with a connection, where ``connect`` opens the other one."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await connect()
        await asyncio.gather(carry(reader, back), carry(there, writer))

    return serve


async def main(path: str, port: int) -> None:
    server = await asyncio.start_unix_server(carry_to(lambda: asyncio.open_connection("127.0.0.1", port)), path)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
