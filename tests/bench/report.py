"""The table of a measurement: every figure next to what it should be."""

import json
import statistics


def figure(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Report:
    def __init__(self, title, facts):
        self.title, self.facts = title, facts
        self.lines, self.runs, self.failures = [], [], []

    def add(self, measure, values, unit, target=None, more_is_better=False):
        """The median of values; target None = nothing to compare with."""
        value = statistics.median(values)
        met = None
        if target is not None:
            met = value >= target if more_is_better else value <= target
        line = {"measure": measure, "value": value, "unit": unit, "target": target, "met": met,
                "all": list(values), "more_is_better": more_is_better}
        self.lines.append(line)
        print(f"   {measure}: {figure(value)} {unit}", flush=True)

    def note(self, **run):
        """A single run with all that is known about it; JSON only, but for the noise."""
        self.runs.append(run)

    def _cells(self, line):
        spread = ""
        if len(line["all"]) > 1:
            spread = f"{figure(min(line['all']))} to {figure(max(line['all']))}"
        target, met = "", ""
        if line["target"] is not None:
            sign = "at least" if line["more_is_better"] else "at most"
            target = f"{sign} {line['target']:,g}"
            met = "met" if line["met"] else "NOT MET"
        return [line["measure"], f"{figure(line['value'])} {line['unit']}", spread, target, met]

    def table(self):
        rows = [["measure", "median", "all runs", "target", ""], *map(self._cells, self.lines)]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        rows.insert(1, ["-" * width for width in widths])
        padded = (" | ".join(cell.ljust(w) for cell, w in zip(row, widths)) for row in rows)
        return "".join(f"| {row} |\n" for row in padded)

    def noise(self):
        """How much of the machine was somebody else's while the runs went on."""
        others = [run["others_cores"] for run in self.runs if "others_cores" in run]
        if not others:
            return ""
        return (f"Meanwhile other programs used {min(others):.2f} to {max(others):.2f} cores"
                f" (median {statistics.median(others):.2f}); the figures are of a quiet machine"
                " only where that is near 0.\n")

    def markdown(self):
        missed = sum(line["met"] is False for line in self.lines)
        compared = sum(line["met"] is not None for line in self.lines)
        head = "".join(f"- {name}: {value}\n" for name, value in self.facts.items())
        failed = "".join(f"FAILED: {failure}\n" for failure in self.failures)
        return (f"# {self.title}\n\n{head}\n{self.table()}\n{failed}"
                f"{compared - missed} of {compared} targets met.\n{self.noise()}")

    def write(self, stem):
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".md").write_text(self.markdown())
        content = {"title": self.title, "facts": self.facts, "figures": self.lines,
                   "failures": self.failures, "runs": self.runs}
        stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")
