"""The server beside the agent in hl7_messages.rs: that of PyPI's hl7, which answers each message and keeps nothing.

    python hl7_server.py PORT
"""

import asyncio
import sys

from hl7.mllp import start_hl7_server


async def serve(reader, writer):
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            writer.writemessage(message.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    async with await start_hl7_server(serve, port=int(sys.argv[1]), host="127.0.0.1") as server:
        await server.serve_forever()


asyncio.run(main())
