"""A Modbus TCP server of 100 registers and coils, its meter reading in register 10; exception 2 beyond."""
import asyncio
import struct

registers = [0] * 100
coils = [False] * 100
registers[10], registers[11] = 2301, 499


def answer(pdu):
    code, address = pdu[0], struct.unpack(">H", pdu[1:3])[0]
    value = struct.unpack(">H", pdu[3:5])[0]
    if address + (value if code in (1, 2, 3, 4, 15, 16) else 1) > 100:
        return bytes([code | 0x80, 2])
    if code in (1, 2):
        packed = sum(1 << i for i in range(value) if coils[address + i])
        return bytes([code, (value + 7) // 8]) + packed.to_bytes((value + 7) // 8, "little")
    if code in (3, 4):
        return bytes([code, value * 2]) + struct.pack(f">{value}H", *registers[address:address + value])
    if code == 5:
        coils[address] = value == 0xFF00
        return pdu[:5]
    if code == 6:
        registers[address] = value
        return pdu[:5]
    if code == 15:
        bits = int.from_bytes(pdu[6:], "little")
        for i in range(value):
            coils[address + i] = bool(bits >> i & 1)
        return pdu[:5]
    if code == 16:
        registers[address:address + value] = struct.unpack(f">{value}H", pdu[6:6 + 2 * value])
        return pdu[:5]
    return bytes([code | 0x80, 1])


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readexactly(7)
            pdu = await reader.readexactly(struct.unpack(">H", head[4:6])[0] - 1)
            reply = answer(pdu)
            writer.write(head[:4] + struct.pack(">H", len(reply) + 1) + head[6:7] + reply)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
