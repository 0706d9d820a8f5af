"""A real mail server for the tests: aiosmtpd, one JSON line on standard output per event.

usage: smtp.py plain|starttls|implicit CERT KEY [USER PASSWORD]
Addresses that begin with "dead" are refused for good, those with "later" for now.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def tell(**event):
    print(json.dumps(event), flush=True)


class Box:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("dead"):
            return "550 5.1.1 nobody of that name\x1b[31m here"
        if address.startswith("later"):
            return "451 4.3.0 mailbox busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        tell(
            event="mail",
            sender=envelope.mail_from,
            receivers=envelope.rcpt_tos,
            tls=session.ssl is not None or MODE == "implicit",
            signed_in=bool(session.authenticated),
            hello=session.host_name,
            data=base64.b64encode(envelope.content).decode(),
        )
        return "250 2.0.0 kept"


def authenticate(server, session, envelope, mechanism, data):
    wanted = (ACCOUNT[0].encode(), ACCOUNT[1].encode())
    return AuthResult(success=(data.login, data.password) == wanted, handled=False)


MODE, CERT, KEY = sys.argv[1:4]
ACCOUNT = sys.argv[4:6]


def server():
    options = {"hostname": "mail.test"}
    if MODE == "starttls":
        options.update(tls_context=context(), require_starttls=True)
    if ACCOUNT:
        options.update(authenticator=authenticate, auth_required=True, auth_require_tls=MODE == "starttls")
    return SMTP(Box(), **options)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(CERT, KEY)
    return made


async def main():
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(server, "127.0.0.1", 0, ssl=context() if MODE == "implicit" else None)
    tell(event="listening", port=listener.sockets[0].getsockname()[1])
    await listener.serve_forever()


asyncio.run(main())
