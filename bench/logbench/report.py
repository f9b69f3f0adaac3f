"""Figures, their medians and budgets, as tables and as JSON."""
import collections
import json
import statistics

# One measured value. `budget` is None, or a comparison like ("<=", 1.3).
Figure = collections.namedtuple("Figure", "row column value digits budget", defaults=(None,))

SIGNS = {"<=": "≤", ">=": "≥"}


def number(value, digits):
    return f"{value:,.{digits}f}"


class Section:
    """A table: what one part found in each round."""

    def __init__(self, title):
        self.title = title
        self.figures = {}  # (row, column): a Figure for each round

    def add(self, figures):
        for figure in figures:
            self.figures.setdefault((figure.row, figure.column), []).append(figure)

    def cell(self, row, column):
        found = self.figures.get((row, column))
        if not found:
            return ""
        median = statistics.median(figure.value for figure in found)
        text = number(median, found[0].digits)
        if found[0].budget:
            comparison, limit = found[0].budget
            verdict = "ok" if (median <= limit if comparison == "<=" else median >= limit) else "OVER"
            text += f" ({SIGNS[comparison]} {limit:g}: {verdict})"
        return text

    def text(self):
        rows = list(dict.fromkeys(row for row, _ in self.figures))
        columns = list(dict.fromkeys(column for _, column in self.figures))
        table = [["", *columns], *([row, *(self.cell(row, column) for column in columns)] for row in rows)]
        widths = [max(len(line[index]) for line in table) for index in range(len(columns) + 1)]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in table]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([self.title, "", *lines, ""])

    def json(self):
        return [{"row": row, "column": column, "median": statistics.median(figure.value for figure in found),
                 "rounds": [figure.value for figure in found], "budget": found[0].budget}
                for (row, column), found in self.figures.items()]


class Report:
    """All parts of a run."""

    def __init__(self, facts):
        """- facts: what the figures depend on: machine, versions, options."""
        self.facts, self.sections, self.wrong, self.others = facts, {}, [], []
        self.statements = {}  # What else is worth a look, for JSON only.

    def add(self, name, title, figures):
        self.sections.setdefault(name, Section(title)).add(figures)

    def found_wrong(self, what):
        self.wrong.append(what)

    def noise(self, percent):
        """What others used of the machine during one measurement."""
        self.others.append(percent)

    def text(self):
        parts = [section.text() for section in self.sections.values()]
        if self.others:
            parts.append(f"Others used {statistics.median(self.others):.1f} % of the machine at the median measurement, "
                         f"{max(self.others):.1f} % at the worst.")
        parts += [f"WRONG: {what}" for what in self.wrong]
        return "\n".join(parts)

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**self.facts, "others_percent": self.others, "wrong": self.wrong, "statements": self.statements,
                                    "sections": {name: section.json() for name, section in self.sections.items()}}, indent=1))
