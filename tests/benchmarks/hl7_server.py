"""The server beside the agent in hl7_messages.rs: that of PyPI's hl7, which answers each message. With a FILE, each message is
added to it and on the disk before it is answered.

    python hl7_server.py PORT [FILE]
"""

import asyncio
import os
import sys

from hl7.mllp import start_hl7_server

FILE = open(sys.argv[2], "ab", buffering=0) if len(sys.argv) > 2 else None


async def serve(reader, writer):
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            if FILE:
                FILE.write(str(message).encode() + b"\n")
                os.fdatasync(FILE.fileno())
            writer.writemessage(message.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    async with await start_hl7_server(serve, port=int(sys.argv[1]), host="127.0.0.1") as server:
        await server.serve_forever()


asyncio.run(main())
