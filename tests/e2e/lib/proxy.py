"""A TCP proxy in front of a server: it can stop forwarding while connections stay open, cut them,
forward late, or slowly."""

import collections
import socket
import threading
import time


class Proxy:
    """with Proxy(server) as proxy: clients connect to proxy.address. delay_s and bytes_per_s apply to
    what the server sends."""

    def __init__(self, server, delay_s=0.0, bytes_per_s=None):
        self.to = (server.host, server.port)
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s
        self.held = 0  # chunks from clients that a pause keeps back
        self._running = threading.Event()
        self._running.set()
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self):
        return "127.0.0.1:%d" % self._listener.getsockname()[1]

    def pause(self):
        """Nothing is forwarded any more, new connections neither; all stay open."""
        self._running.clear()

    def resume(self):
        self._running.set()

    def drop(self):
        """Ends every connection at once, with what was not forwarded yet."""
        for pair in self._pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._pairs.clear()

    def cut(self):
        """The same, and takes no new ones."""
        self._listener.close()
        self.drop()
        self._running.set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                self._running.wait()
                server = socket.create_connection(self.to, timeout=10)
                server.settimeout(None)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                client.close()  # the server is away
                continue
            self._pairs.append((client, server))
            for args in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._forward, args=args, daemon=True).start()

    def _forward(self, source, sink, from_server):
        late = collections.deque()
        ready = threading.Condition()

        def send():
            while True:
                with ready:
                    while not late:
                        ready.wait()
                    due, data = late.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                self._running.wait()
                if data is None:
                    self._close(source, sink)
                    return
                if from_server and self.bytes_per_s:
                    time.sleep(len(data) / self.bytes_per_s)
                try:
                    sink.sendall(data)
                except OSError:
                    self._close(source, sink)
                    return

        threading.Thread(target=send, daemon=True).start()
        data = True
        while data:
            try:
                data = source.recv(65536) or None
            except OSError:
                data = None
            self.held += not (from_server or self._running.is_set())
            with ready:
                late.append((time.monotonic() + (self.delay_s if from_server else 0), data))
                ready.notify()
            while len(late) > 64:  # the sender is slow: so is this proxy
                time.sleep(0.005)

    @staticmethod
    def _close(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
