"""What stands in front of a schema registry: accounts, TLS, and answers that are late or wrong."""

import base64
import http.client
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self, body):
        proxy = self.server.proxy
        there = http.client.HTTPConnection(proxy.registry.address, timeout=60)
        there.request(self.command, "/apis/ccompat/v7" + self.path, body,
                      {"Content-Type": "application/vnd.schemaregistry.v1+json"})
        got = there.getresponse()
        self.answer(got.status, got.read())
        there.close()

    def serve(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy.asked.append((self.command, self.path))
        if proxy.account not in (None, self.headers.get("Authorization")):
            self.answer(401, b'{"error_code":401,"message":"who are you?"}')
        elif (self.command, self.path) in proxy.answers:
            status, answer = proxy.answers[self.command, self.path]
            self.answer(status, json.dumps(answer).encode())
        elif proxy.status is not None:
            self.answer(proxy.status, json.dumps(
                {"error_code": proxy.status, "message": "as the test wants"}).encode())
        else:
            time.sleep(proxy.delay_s)
            self.pass_on(body)

    do_GET = do_POST = serve


class Proxy:
    """account: "user:password" or "Bearer token"; status: what every question is answered with;
    answers: (status, JSON) by method and path; client_ca: who must have signed the client's
    certificate."""

    def __init__(self, registry, account=None, status=None, delay_s=0, certificate=None, client_ca=None,
                 answers=None):
        if account is not None and not account.startswith("Bearer "):
            account = "Basic " + base64.b64encode(account.encode()).decode()
        self.registry, self.account, self.status = registry, account, status
        self.delay_s = delay_s
        self.answers = answers or {}
        self.asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.proxy = self
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if client_ca is not None:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    @property
    def url(self):
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
