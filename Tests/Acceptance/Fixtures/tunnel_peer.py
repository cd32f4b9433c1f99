"""The other end of a tunnel, that shares nothing with ours but the protocol: Python's websockets, and bytes packed by hand.

    tunnel_peer.py platform KEY        takes a gateway's connection and opens tunnels of text to servers of its own
    tunnel_peer.py edge PORT KEY T     binds T at a platform and carries its tunnels as SDK clients do
"""
import asyncio
import base64
import json
import os
import struct
import sys

import websockets

POST, BIND, AUTH, SUCCESS, BAD_REQUEST, FORBIDDEN, NOT_FOUND, UNAVAILABLE = 0x03, 0x0A, 0x14, 0x40, 0x80, 0x83, 0x84, 0xA3
STRING, INTEGER = 0, 22
CHUNK = 1024


def string(text):
    data = text.encode()
    return (bytes([len(data)]) if len(data) < 128 else struct.pack(">I", 0x80000000 | len(data))) + data


def read_string(data, at):
    if data[at] < 0x80:
        return data[at + 1:at + 1 + data[at]].decode(), at + 1 + data[at]
    length = struct.unpack_from(">I", data, at)[0] & 0x7FFFFFFF
    return data[at + 4:at + 4 + length].decode(), at + 4 + length


def table(**fields):
    kind = lambda value: INTEGER if isinstance(value, int) else STRING
    shape = b"".join(b"\x01" + string(name) + string("") + bytes([kind(value)]) + b"\x00\x00" for name, value in fields.items())
    cells = b"".join(bytes([kind(v)]) + (struct.pack(">i", v) if isinstance(v, int) else string(v)) for v in fields.values())
    return shape + b"\x00\x01" + struct.pack(">H", len(fields)) + cells + b"\x00"


def read_table(data):
    names, at = [], 0
    while data[at] == 1:
        name, at = read_string(data, at + 1)
        _, at = read_string(data, at)
        assert struct.unpack_from(">H", data, at + 1)[0] == 0, "aspects"
        at += 3
        names.append(name)
    assert data[at + 1] == 1, "a row"
    at += 4
    row = {}
    for name in names:
        kind, at = data[at], at + 1
        if kind == STRING:
            row[name], at = read_string(data, at)
        elif kind == INTEGER:
            row[name], at = struct.unpack_from(">i", data, at)[0], at + 4
        else:
            raise AssertionError(f"base type {kind}")
    return row


class End:
    """An AlwaysOn connection: requests out, and a handler for those that come."""

    def __init__(self, socket, handle):
        self.socket, self.handle, self.session, self.next, self.waiting = socket, handle, 0xFFFFFFFF, 0, {}

    def header(self, code, number, endpoint=0):
        return struct.pack(">BBIIIB", 1, code, number, endpoint, self.session, 0)

    async def ask(self, code, body):
        self.next += 1
        future = self.waiting[self.next] = asyncio.get_running_loop().create_future()
        await self.socket.send(self.header(code, self.next) + body)
        return await asyncio.wait_for(future, 30)

    async def invoke(self, thing, service, **fields):
        return await self.ask(POST, b"\x0a" + string(thing) + b"\x02" + string(service) + b"\x00\x05" + table(**fields))

    async def run(self):
        async for data in self.socket:
            _, code, number, endpoint, session, multi = struct.unpack_from(">BBIIIB", data)
            assert not multi, "chunks"
            if code >= 0x40:
                if self.session == 0xFFFFFFFF:
                    self.session = session
                future = self.waiting.pop(number, None)
                if future and not future.done():
                    future.set_result(code)
                continue
            answer = await self.handle(code, data[15:])
            await self.socket.send(self.header(answer, number, endpoint) + b"\x00\xff")


def service_of(body):
    """Thing, service and parameters of a POST; None for what has none."""
    thing, at = read_string(body, 1)
    if body[at] != 2:
        return thing, None, {}
    name, at = read_string(body, at + 1)
    at += 1
    return thing, name, read_table(body[at + 1:]) if body[at] == 5 else {}


# MARK: A platform

class Target:
    """A server that tunnels lead to."""

    def __init__(self, echoes=True, says=b"", closes=False):
        self.echoes, self.says, self.closes, self.opened, self.ended = echoes, says, closes, 0, 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        self.opened += 1
        writer.write(self.says)
        if self.closes:
            writer.close()
            return
        try:
            while data := await reader.read(65536):
                if self.echoes:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        self.ended += 1
        writer.close()


async def until(condition, what):
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")


class Platform:
    def __init__(self, key):
        self.key, self.sockets, self.told, self.bound, self.end = key, {}, [], asyncio.Event(), None
        self.arrived = {}

    async def serve(self, socket, path):
        assert socket.request_headers["appKey"] == self.key
        if path.startswith("/Thingworx/WSTunnelServer/"):
            assert "Sec-WebSocket-Extensions" not in socket.request_headers, "compression is not offered"
            assert socket.request_headers["Max-Frame-Size"] == str((CHUNK + 2) // 3 * 4)
            tunnel = path.rsplit("/", 1)[1]
            if tunnel.startswith("early"):
                # With the agreement to the upgrade, long before there is a connection to the target.
                await socket.send(base64.b64encode(b"first words").decode())
            self.sockets[tunnel] = socket
            await socket.wait_closed()
            return
        assert path == "/Thingworx/WS", path
        self.end = End(socket, self.handle)
        await self.end.run()

    async def handle(self, code, body):
        if code == BIND:
            self.bound.set()
        if code == POST:
            _, name, row = service_of(body)
            if name == "TunnelCommandFromEdge":
                self.told.append((row["tid"], row["command"]))
        return SUCCESS

    async def open(self, tunnel, port, host="127.0.0.1", kind="tcp", expect=SUCCESS, connection=None, **more):
        connection = connection or json.dumps({"host": host, "port": port, "num_connects": more.pop("connects", 0), "message": ""})
        fields = {"tid": tunnel, "type": kind, "chunksize": CHUNK, "idle_timeout": more.pop("idle", 60000), "read_timeout": 10, "connection": connection}
        for _ in range(200):
            code = await self.end.invoke("T1", "StartTunnel", **fields)
            # The place of the one before is free once its socket is closed at both ends.
            if code != UNAVAILABLE or expect == UNAVAILABLE:
                break
            await asyncio.sleep(0.05)
        assert code == expect, f"{tunnel}: {code:#x} and not {expect:#x}"
        if expect != SUCCESS:
            return None
        await until(lambda: tunnel in self.sockets, f"the socket of {tunnel}")
        return self.sockets.pop(tunnel)

    async def closed(self, socket, code):
        await asyncio.wait_for(socket.wait_closed(), 30)
        assert socket.close_code == code, f"closed with {socket.close_code} and not {code}"


async def echo(socket, data):
    for at in range(0, len(data), CHUNK):
        text = base64.b64encode(data[at:at + CHUNK]).decode()
        await socket.send([text[:len(text) // 2], text[len(text) // 2:]])
    got = b""
    while len(got) < len(data):
        message = await asyncio.wait_for(socket.recv(), 30)
        assert isinstance(message, str), "text"
        piece = base64.b64decode(message, validate=True)
        assert 0 < len(piece) <= CHUNK - 16, len(piece)
        got += piece
    assert got == data, "the bytes came back changed"


async def scenario(platform):
    await platform.bound.wait()
    server = await Target().start()
    first = await platform.open("t-1", server.port, connects=2)
    await echo(first, b"hello")
    await echo(first, os.urandom(200_000))
    print("echoed through a second WebSocket", flush=True)

    await platform.open("t-2", server.port, expect=UNAVAILABLE)
    for number in range(500):
        await platform.open(f"flood-{number}", server.port, expect=UNAVAILABLE)
    await echo(first, b"still there")
    print("the second was refused", flush=True)

    for kind in ("file", "udp", "serial"):
        await platform.open("t-3", server.port, kind=kind, expect=BAD_REQUEST)
    for connection in ("", "[]", "{}", '{"host": "h", "port": 0}', '{"host": "a\\r\\nb", "port": 1}', '{"host": "127.0.0.1", "port": "22"}'):
        await platform.open("t-3", 0, connection=connection or "x", expect=BAD_REQUEST)
    for tunnel in ("../WS", "a b", "x" * 200, "a\r\nb"):
        await platform.open(tunnel, server.port, expect=BAD_REQUEST)
    await platform.open("t-4", 22, host="10.255.255.1", expect=FORBIDDEN)
    assert await platform.end.invoke("T1", "CompleteTunnel", tid="none", peer_name="p", connection="{}") == NOT_FOUND
    assert await platform.end.invoke("T1", "TunnelCommandToEdge", tid="t-1", command="JUMP") == BAD_REQUEST
    print("bad requests were refused", flush=True)

    assert await platform.end.invoke("T1", "TunnelCommandToEdge", tid="t-1", command="CONNECT") == SUCCESS
    assert await platform.end.invoke("T1", "TunnelCommandToEdge", tid="t-1", command="DISCONNECT") == SUCCESS
    await until(lambda: server.opened == 2 and server.ended == 1, "another connection")
    await echo(first, b"again")
    reason = json.dumps({"reason": "done"})
    await first.send(base64.b64encode(b"last words").decode())
    assert await platform.end.invoke("T1", "CompleteTunnel", tid="t-1", peer_name="p", connection=reason) == SUCCESS
    await platform.closed(first, 1000)
    await until(lambda: server.ended == 2, "the end of the local connection")
    for number in range(10):
        early = await platform.open(f"early-{number}", server.port)
        assert base64.b64decode(await asyncio.wait_for(early.recv(), 30)) == b"first words"
        assert await platform.end.invoke("T1", "CompleteTunnel", tid=f"early-{number}", peer_name="p", connection=reason) == SUCCESS
        await platform.closed(early, 1000)
    print("completed", flush=True)

    # Its place is free again, whatever type an unknown word is.
    parting = await Target(says=b"bye", closes=True).start()
    third = await platform.open("t-5", parting.port, kind="telnet", connects=0)
    assert base64.b64decode(await third.recv()) == b"bye"
    await platform.closed(third, 1000)
    await until(lambda: ("t-5", "DISCONNECT") in platform.told, "the end being told")

    garbage = await platform.open("t-6", server.port)
    await garbage.send("no base64!")
    await platform.closed(garbage, 1007)
    binary = await platform.open("t-7", server.port)
    await binary.send(b"\x00\x01")
    await platform.closed(binary, 1007)
    long = await platform.open("t-8", server.port)
    await long.send("A" * 100_000)
    await platform.closed(long, 1009)
    await until(lambda: server.opened == server.ended, "no connection left")
    print("bad messages ended their tunnels", flush=True)

    closed = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    refused = await platform.open("t-9", port)
    await platform.closed(refused, 1000)
    await until(lambda: ("t-9", "DISCONNECT") in platform.told, "the refusal being told")

    idle = await platform.open("t-10", server.port, idle=400)
    await echo(idle, b"x")
    await platform.closed(idle, 1000)
    await until(lambda: ("t-10", "CANCEL") in platform.told, "idleness being told")

    silent = await asyncio.start_server(lambda r, w: asyncio.sleep(60), "127.0.0.1", 0)
    stuck = await platform.open("t-11", silent.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(2):
            for _ in range(20_000):
                await stuck.send(base64.b64encode(bytes(CHUNK)).decode())
        raise AssertionError("20 MB were taken for a target that reads nothing")
    except TimeoutError:
        pass
    assert await platform.end.invoke("T1", "CompleteTunnel", tid="t-11", peer_name="p", connection="{}") == SUCCESS
    print("a target that never reads is not written to without end", flush=True)


async def run_platform(key):
    platform = Platform(key)

    async def serve(socket, path):
        try:
            await platform.serve(socket, path)
        except websockets.ConnectionClosed:
            pass

    async with websockets.serve(serve, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        try:
            await scenario(platform)
        except Exception as error:  # noqa: BLE001: whatever it is, the test shall see it
            print("failed", repr(error), flush=True)
            return 1
    return 0


# MARK: An SDK edge

async def run_edge(port, key, thing):
    headers = {"appKey": key}
    tunnels = {}

    async def tunnel(end, row):
        where = json.loads(row["connection"])
        path = f"ws://127.0.0.1:{port}/Thingworx/WSTunnelServer/{row['tid']}"
        frame = {"Max-Frame-Size": str(row["chunksize"] * 4 // 3)}
        async with websockets.connect(path, extra_headers={**headers, **frame}, compression=None, ping_interval=None, max_size=None) as socket:
            tunnels[row["tid"]] = socket
            print("tunnel", row["tid"], where["host"], where["port"], flush=True)
            try:
                reader, writer = await asyncio.open_connection(where["host"], where["port"])
            except OSError:
                await end.invoke(thing, "TunnelCommandFromEdge", tid=row["tid"], command="DISCONNECT")
                await socket.wait_closed()
                return

            async def upwards():
                while data := await reader.read(row["chunksize"] - 16):
                    await socket.send(base64.b64encode(data).decode())
                # SDK clients say it more than once.
                for _ in range(2):
                    await end.invoke(thing, "TunnelCommandFromEdge", tid=row["tid"], command="DISCONNECT")

            task = asyncio.create_task(upwards())
            try:
                async for message in socket:
                    assert isinstance(message, str) and len(message) <= (row["chunksize"] + 2) // 3 * 4, len(message)
                    writer.write(base64.b64decode(message, validate=True))
                    await writer.drain()
            except (websockets.ConnectionClosed, ConnectionError):
                pass
            task.cancel()
            writer.close()
            tunnels.pop(row["tid"], None)
            print("tunnel over", row["tid"], flush=True)

    async def handle(code, body):
        _, name, row = service_of(body)
        if name == "StartTunnel":
            assert row["type"] == "tcp" and row["chunksize"] == 8192, row
            asyncio.create_task(tunnel(end, row))
        elif name == "CompleteTunnel":
            assert row["peer_name"] and "reason" in json.loads(row["connection"])
            if row["tid"] in tunnels:
                await tunnels[row["tid"]].close(1000)
        elif name is not None:
            return NOT_FOUND
        return SUCCESS

    async with websockets.connect(f"ws://127.0.0.1:{port}/Thingworx/WS", extra_headers=headers, compression=None, max_size=None) as socket:
        end = End(socket, handle)
        task = asyncio.create_task(end.run())
        assert await end.ask(AUTH, b"\x01" + string("appKey") + string(key)) == SUCCESS
        assert await end.ask(BIND, b"\x00\x00\x01" + string(thing)) == SUCCESS
        print("bound", flush=True)
        await task


if sys.argv[1] == "edge":
    asyncio.run(run_edge(int(sys.argv[2]), sys.argv[3], sys.argv[4]))
else:
    sys.exit(asyncio.run(run_platform(sys.argv[2])))
