"""What tests send through tunnels, and who is at their far end.

    tunnel_load.py serve [PORT]                    a connection's first byte says what it wants (see Server)
    tunnel_load.py run PORT MODE BYTES CONNECTIONS    uses a port, and says what became of it
    tunnel_load.py churn PORT SEED                 uses it again and again, until SIGTERM; says how many of each there were
    tunnel_load.py hold PORT CONNECTIONS           asks for bytes without end and takes none, until it is ended
"""
import asyncio
import hashlib
import random
import signal
import socket
import struct
import sys

BLOCK = 65536


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def serve_one(reader, writer):
    try:
        kind = await reader.readexactly(1)
        if kind == b"e":  # echoes
            while data := await reader.read(BLOCK):
                writer.write(data)
                await writer.drain()
        elif kind == b"h":  # says, after the end of what came, what it was
            digest = hashlib.sha256()
            while data := await reader.read(BLOCK):
                digest.update(data)
            writer.write(digest.hexdigest().encode())
        elif kind == b"g":  # sends what a seed makes, then closes
            seed, count = struct.unpack(">IQ", await reader.readexactly(12))
            source = random.Random(seed)
            while count > 0:
                writer.write(source.randbytes(min(count, BLOCK)))
                await writer.drain()
                count -= min(count, BLOCK)
        elif kind == b"r":  # breaks off
            reset(writer)
            return
        elif kind == b"f":  # sends without end
            while True:
                writer.write(bytes(BLOCK))
                await writer.drain()
        elif kind == b"s":  # reads nothing
            await asyncio.sleep(3600)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(port):
    server = await asyncio.start_server(serve_one, "127.0.0.1", port)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def use(port, mode, count, seed):
    """One connection: nothing where all is well, else what is not."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        source = random.Random(seed)
        if mode == "echo":
            writer.write(b"e")
            sent, got = hashlib.sha256(), hashlib.sha256()

            async def send():
                left = count
                while left > 0:
                    data = source.randbytes(min(left, random.randint(1, BLOCK)))
                    sent.update(data)
                    writer.write(data)
                    await writer.drain()
                    left -= len(data)

            task = asyncio.create_task(send())
            left = count
            while left > 0:
                data = await reader.read(BLOCK)
                if not data:
                    return f"ended {left} bytes early"
                got.update(data)
                left -= len(data)
            await task
            writer.write_eof()
            rest = await reader.read()
            writer.close()
            return "" if sent.digest() == got.digest() and not rest else "other bytes"
        if mode == "half":
            writer.write(b"h")
            digest, left = hashlib.sha256(), count
            while left > 0:
                data = source.randbytes(min(left, BLOCK))
                digest.update(data)
                writer.write(data)
                await writer.drain()
                left -= len(data)
            writer.write_eof()
            answer = (await reader.read()).decode()
            writer.close()
            return "" if answer == digest.hexdigest() else f"other bytes: {answer!r}"
        if mode == "get":
            writer.write(b"g" + struct.pack(">IQ", seed, count))
            left = count
            while left > 0:
                data = await reader.readexactly(min(left, BLOCK))
                if data != source.randbytes(len(data)):
                    return f"other bytes, {left} before the end"
                left -= len(data)
            rest = await reader.read()
            writer.close()
            return "" if not rest else "more than was asked for"
        if mode == "reset":
            writer.write(b"r")
            await reader.read()
            return "ended in order"
        return f"no mode {mode}"
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        return type(error).__name__


async def run(port, mode, count, connections):
    results = await asyncio.gather(*(use(port, mode, count, seed) for seed in range(connections)))
    for result in sorted(set(results)):
        print(f"{sum(r == result for r in results)} {result or 'fine'}", flush=True)


async def churn(port, seed):
    counts = {"fine": 0, "broken": 0, "early": 0, "wrong": 0}
    over = asyncio.Event()
    chance = random.Random(seed)

    async def worker():
        while not over.is_set():
            mode = chance.choice(["echo", "half", "get"])
            result = await use(port, mode, chance.randint(0, 400_000), chance.getrandbits(32))
            if result == "":
                counts["fine"] += 1
            elif result.startswith("ended") or result == "IncompleteReadError" or result == "other bytes: ''":
                counts["early"] += 1
            elif result.startswith("Connection") or result == "BrokenPipeError":
                counts["broken"] += 1
                await asyncio.sleep(0.01)
            else:
                counts["wrong"] += 1
                print("wrong:", mode, result, flush=True)

    workers = [asyncio.create_task(worker()) for _ in range(6)]
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    print("churning", flush=True)
    await over.wait()
    await asyncio.wait(workers, timeout=60)
    print("counts", *(f"{name} {count}" for name, count in counts.items()), "stuck", sum(not w.done() for w in workers), flush=True)
    for one in workers:
        one.cancel()


async def hold(port, connections):
    ends = []
    for _ in range(connections):
        end = socket.create_connection(("127.0.0.1", port))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.sendall(b"f")
        ends.append(end)
    print("holding", flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    elif sys.argv[1] == "churn":
        asyncio.run(churn(int(sys.argv[2]), int(sys.argv[3])))
    elif sys.argv[1] == "hold":
        asyncio.run(hold(int(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(run(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
