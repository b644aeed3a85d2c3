"""What HTTP's ways to a function cost: routes."""
import statistics

ROUNDS = 3


def rows(bench, row):
    """Routes: nanoseconds a request, bursts of 32 from memory; every case in turns inside the program that measures."""
    runs = [bench.run("skerry-bench-routes") for _ in range(ROUNDS)]
    # A run's figures belong together: the ratio of each run, and the run in the middle.
    ordered = sorted(runs, key=lambda each: each["routes_5000"] / each["routes_12"])
    found = ordered[ROUNDS // 2]

    def figure(name, key, base, title, goal=None, meets=None):
        baseline = base and {"name": title, "value": found[base]}
        return row(f"api/{name}", found[key], "ns", baseline, goal, meets)

    def within(value, ratio):
        return value <= 200 and ratio <= 1.5

    goal = "≤ 200 ns, ≤ 1.5"
    twelve = "8 literal routes and 4 patterns"
    return [
        figure("routes-5000/100-hosts", "routes_5000", "routes_12", twelve, goal, within),
        figure("routes-5000/one-host", "routes_5000_one_host", "routes_12_one_host", twelve + ", one host", goal, within),
        figure("routes-5000/one-at-a-time", "routes_5000_alone", "routes_12_alone", twelve + ", one at a time", goal, within),
        figure("routes-5000/literals-only", "literals_of_5000", None, None),
        figure("routes-5000/patterns-only", "patterns_of_5000_one_host", None, None),
        figure("expressions-1000/re2-set", "expressions_1000", "re2_set_1000", "RE2::Set"),
        figure("expressions-1000/pcre2-jit", "expressions_1000", "pcre2_jit_1000", "PCRE2 JIT, one after the other"),
        *(row(f"api/{name}", statistics.median(each[key] for each in runs), "ms")
          for name, key in (("routes-5000/compile", "compile_5000_ms"), ("routes-5000/load", "load_5000_ms"),
                            ("expressions-5000/compile", "compile_5000_expressions_ms"),
                            ("expressions-5000/load", "load_5000_expressions_ms"))),
    ]
