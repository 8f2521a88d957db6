"""A reader beside a task: what it sees at any moment."""

import threading


class Watcher:
    """Asks one statement all the time; `seen`: how often each row came."""

    def __init__(self, server, statement):
        self.server, self.statement = server, statement
        self.seen, self.done = {}, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        with self.server.connect() as connection:
            connection.autocommit(True)
            cursor = connection.cursor()
            while not self.done.is_set():
                cursor.execute(self.statement)
                row = tuple(cursor.fetchone())
                self.seen[row] = self.seen.get(row, 0) + 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
