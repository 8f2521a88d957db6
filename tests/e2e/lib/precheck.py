"""A run of `sluice precheck`, read from its JSON."""

import json


class Precheck:
    def __init__(self, sluice, task, *ignore, status=None):
        words = [word for item in ignore for word in ("--ignore", item)]
        process = sluice.run("precheck", task, "--json", *words, status=status, deadline_s=90)
        self.status = process.returncode
        self.stderr = process.stderr
        assert process.stdout, process.stderr
        whole = json.loads(process.stdout)
        self.items = whole["items"]
        assert whole["passed"] == (self.status == 0)

    def bad(self):
        return {(i["name"], i["status"]) for i in self.items
                if i["status"] != "pass" and not i["ignored"]}

    def of(self, name):
        return [i for i in self.items if i["name"] == name]

    def one(self, name, status):
        """The only item of this name that has this status."""
        found = [i for i in self.of(name) if i["status"] == status]
        assert len(found) == 1, f"{name} {status}: {self.of(name)}"
        return found[0]
