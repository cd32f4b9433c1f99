"""An end of AlwaysOn that shares nothing with ours but the protocol: Python's websockets, and bytes packed by hand.

    peer.py edge PORT KEY     binds T1 at a platform, writes and reads T2.big, answers Reverse
    peer.py platform KEY      takes a gateway's connection, calls its T1
"""
import asyncio
import struct
import sys

import websockets

GET, PUT, POST, BIND, AUTH, SUCCESS = 0x01, 0x02, 0x03, 0x0A, 0x14, 0x40
CHUNK = 8192


def string(text):
    data = text.encode()
    return (bytes([len(data)]) if len(data) < 128 else struct.pack(">I", 0x80000000 | len(data))) + data


def table(name, text):
    return b"\x01" + string(name) + string("") + b"\x00" + b"\x00\x00" + b"\x00" + b"\x01\x00\x01\x00" + string(text) + b"\x00"


def text_of(content):
    """The last STRING of a table of one row and one field."""
    row = content.rindex(b"\x00\x01\x00\x01\x00", 0, content.index(b"\x00\x01\x00\x01\x00") + 5) + 5
    length = content[row]
    if length < 0x80:
        return content[row + 1:row + 1 + length].decode()
    length = struct.unpack_from(">I", content, row)[0] & 0x7FFFFFFF
    return content[row + 4:row + 4 + length].decode()


class End:
    def __init__(self, socket):
        self.socket, self.session, self.next, self.chunks = socket, 0xFFFFFFFF, 0, {}

    def header(self, code, request, endpoint=0, multi=0):
        return struct.pack(">BBIIIB", 1, code, request, endpoint, self.session, multi)

    async def send_fragments(self, data):
        third = max(1, len(data) // 3)
        await self.socket.send([data[:third], data[third:2 * third], data[2 * third:]])

    async def send(self, code, body, request=None, endpoint=0, prefix=b""):
        """`prefix` is what every chunk of a request repeats."""
        if request is None:
            self.next += 1
            request = self.next
        if len(prefix) + len(body) + 15 <= CHUNK:
            await self.send_fragments(self.header(code, request, endpoint) + prefix + body)
            return request
        room = CHUNK - 21 - len(prefix)
        parts = [body[at:at + room] for at in range(0, len(body), room)]
        for number, part in enumerate(parts, 1):
            head = self.header(code, request, endpoint, 1) + struct.pack(">HHH", number, len(parts), CHUNK)
            await self.send_fragments(head + prefix + part)
        return request

    async def receive(self):
        """The next whole message: code, request id, endpoint id, body, and whether it came in chunks."""
        while True:
            data = await self.socket.recv()
            _, code, request, endpoint, session, multi = struct.unpack_from(">BBIIIB", data)
            body = data[15:]
            if not multi:
                if code == SUCCESS and self.session == 0xFFFFFFFF:
                    self.session = session
                return code, request, endpoint, body, False
            number, count, _ = struct.unpack_from(">HHH", body)
            body = body[6:]
            prefix = b""
            if code < 0x40:
                prefix, body = body[:2 + body[1]], body[2 + body[1]:]
            parts = self.chunks.setdefault((code < 0x40, request), {})
            parts[number] = body
            if len(parts) == count:
                del self.chunks[(code < 0x40, request)]
                return code, request, endpoint, prefix + b"".join(parts[n] for n in sorted(parts)), True

    async def expect_success(self, what):
        code, _, _, body, multi = await self.receive()
        assert code == SUCCESS, f"{what}: {code:#x} {body[:80]}"
        return body, multi


def entity(name):
    return b"\x0a" + string(name)


def request(kind, name, content=None):
    return bytes([kind]) + string(name) + b"\x00" + (b"\xff" if content is None else b"\x05" + content)


BIG = "".join(f"line {n} äöü\n" for n in range(3000))


async def edge(port, key):
    headers = {"appKey": key, "Max-Frame-Size": "8192"}
    async with websockets.connect(f"ws://127.0.0.1:{port}/Thingworx/WS", extra_headers=headers, compression="deflate", max_size=None) as socket:
        print("extensions", [type(item).__name__ for item in socket.extensions], flush=True)
        end = End(socket)
        await end.send(AUTH, b"\x01" + string("appKey") + string(key))
        await end.expect_success("AUTH")
        await end.send(BIND, b"\x00\x00\x01" + string("T1"))
        await end.expect_success("BIND")
        print("bound", flush=True)
        done = False
        while True:
            code, number, endpoint, body, multi = await end.receive()
            if code != POST or b"Reverse" not in body[:40]:
                if code < 0x40:
                    await end.send(0x84, b"\x00\xff", number, endpoint)
                if not done:
                    done = True
                    await end.send(PUT, request(1, "big", table("big", BIG)), prefix=entity("T2"))
                elif code == SUCCESS and not multi:
                    print("written", flush=True)
                    await end.send(GET, request(1, "big"), prefix=entity("T2"))
                elif code == SUCCESS:
                    print("read back", text_of(body) == BIG, "in chunks", multi, flush=True)
                continue
            print("asked", "in chunks" if multi else "whole", flush=True)
            content = body[2 + body[1]:]
            await end.send(SUCCESS, b"\x00\x05" + table("result", text_of(content)[::-1]), number, endpoint)


async def platform(key):
    ended = asyncio.get_running_loop().create_future()

    async def serve(socket):
        try:
            assert socket.request_headers["appKey"] == key
            print("extensions", [type(item).__name__ for item in socket.extensions], flush=True)
            end = End(socket)
            code, number, endpoint, body, _ = await end.receive()
            assert code == AUTH and key.encode() in body
            end.session = 0x1234
            await end.send(SUCCESS, b"\x00\xff", number, endpoint)
            code, number, endpoint, body, _ = await end.receive()
            assert code == BIND and b"T1" in body, (code, body)
            await end.send(SUCCESS, b"\x00\xff", number, endpoint)
            await end.send(GET, request(1, "small"), endpoint=77, prefix=entity("T1"))
            body, _ = await end.expect_success("GET")
            print("small", text_of(body), flush=True)
            await end.send(POST, request(2, "Reverse", table("text", BIG)), endpoint=78, prefix=entity("T1"))
            body, multi = await end.expect_success("POST")
            print("big", text_of(body) == BIG[::-1], "in chunks", multi, flush=True)
            ended.set_result(0)
        except Exception as error:  # noqa: BLE001: whatever it is, the test shall see it
            print("failed", repr(error), flush=True)
            ended.set_result(1)

    async with websockets.serve(serve, "127.0.0.1", 0, compression="deflate", max_size=None) as server:
        print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        return await ended


if sys.argv[1] == "edge":
    asyncio.run(edge(sys.argv[2], sys.argv[3]))
else:
    sys.exit(asyncio.run(platform(sys.argv[2])))
