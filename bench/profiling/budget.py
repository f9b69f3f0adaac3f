"""The committed budget: what a message may cost, and by how much it may be exceeded."""
import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parents[1] / "profile-budget.json"
# What happens once in many messages, at each tick of a clock for instance, may happen more often.
CALLS_SLACK = 0.05


def load(path=PATH):
    """The budgets by scenario and figure."""
    return json.loads(path.read_text())["scenarios"]


def allowed(scenario, figure, budget):
    """The most that is not over the budget."""
    return budget * (1 + scenario.tolerance) + (0 if figure == "instructions" else CALLS_SLACK)


def exceeded(scenario, figures, budgets):
    """What is over, as sentences. A figure without a budget is over, too."""
    found = []
    for figure, value in figures.items():
        budget = budgets.get(scenario.name, {}).get(figure)
        if budget is None:
            found.append(f"{scenario.name}: {figure} has no budget")
        elif value > allowed(scenario, figure, budget):
            found.append(f"{scenario.name}: {value:.4g} {figure} per {scenario.unit}, the budget is {budget:g}")
    return found


def save(results, about, path=PATH):
    """Makes the figures the budget; other scenarios keep theirs.

    - results: [(scenario, figures)].
    - about: what they depend on."""
    scenarios = load(path) if path.exists() else {}
    for scenario, figures in results:
        scenarios[scenario.name] = {figure: rounded(figure, value) for figure, value in figures.items()}
    path.write_text(json.dumps({"about": about, "scenarios": scenarios}, indent=2) + "\n")


def rounded(figure, value):
    return float(f"{value:.3g}") if figure == "instructions" else round(max(0, value), 3)
