"""An HTTP proxy for CONNECT that asks for a user.

    proxy.py none|basic|digest|ntlm     user "edge", password "proxy-secret-81"; says what it lets through
"""
import asyncio
import base64
import hashlib
import re
import sys

MODE = sys.argv[1]
USER, PASSWORD, REALM, NONCE = "edge", "proxy-secret-81", "works", "n-17"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def allowed(value, target):
    if MODE == "none":
        return True
    if MODE == "basic":
        return value == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if MODE == "digest" and value.startswith("Digest "):
        given = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value)}
        secret, request = digest(f"{USER}:{REALM}:{PASSWORD}"), digest(f"CONNECT:{target}")
        return given.get("response") == digest(f"{secret}:{NONCE}:{given['nc']}:{given['cnonce']}:auth:{request}")
    return False


CHALLENGE = {
    "basic": f'Basic realm="{REALM}"', "digest": f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=SHA-256', "ntlm": "NTLM", "none": "",
}[MODE]


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def serve(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = head.split("\r\n")[0].split(" ")
    value = next((line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("proxy-authorization: ")), "")
    if not allowed(value, target):
        print(f"refused {method} {target}", flush=True)
        writer.write(f"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {CHALLENGE}\r\nContent-Length: 2\r\n\r\nno".encode())
        await writer.drain()
        return writer.close()
    print(f"let through {method} {target}", flush=True)
    host, port = target.rsplit(":", 1)
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
