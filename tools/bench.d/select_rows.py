"""Region selection: what one choice costs (skerry-bench-select, whole bursts of requests)."""
import statistics

LIMIT_NS = {3: 30, 32: 100}
DEFAULT = "skerry"


def rows(bench, row):
    runs = [bench.run("skerry-bench-select") for _ in range(3)]
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    made = []
    for name, ns in found.items():
        policy, _, regions = name.partition("/")
        limit = LIMIT_NS[int(regions)] if policy == DEFAULT else None
        baseline = None if policy in (DEFAULT, "row") else {"name": "the default policy", "value": found[f"{DEFAULT}/{regions}"]}
        made.append(row(f"select/{policy}/{regions}-regions", ns, "ns", baseline, limit and f"≤ {limit} ns",
                        limit and (lambda value, ratio, limit=limit: value <= limit)))
    return made
