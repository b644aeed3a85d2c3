"""How far two runs of the same requests, one in the lab and one simulated (or two in the lab), are from each other: shares of who
executed, and latencies as the client sees them. Pure."""

# The error that a share and a latency may have, of all seeds together: what two runs of the lab with the same requests are from each
# other at most, rounded up (2.1 points; 2.3 %, 9 %); a fifth for the p99, of which the lab itself knows no more than a third.
SHARE = 0.025
LATENCY = {"p50": 0.05, "p90": 0.10, "p99": 0.20}


def quantile(values, part):
    """Of sorted values; the least that so large a part is not above."""
    return values[min(len(values) - 1, max(0, -(-int(part * len(values) * 1000) // 1000) - 1))]


def figures(answers, warm_up_s, regions):
    """Of the requests that came after the warm-up and were executed: shares of places, of cold ones, and latencies in ms."""
    counted = [each for each in answers if int(each["at_us"]) >= warm_up_s * 1e6 and each.get("status", "ok") == "ok"]
    if not counted:
        raise ValueError("no request was executed after the warm-up")
    places = [each["place"] for each in counted]
    found = {place: places.count(place) / len(counted) for place in ["pop", *regions]}
    found["cold"] = sum(each["cold"] == "1" for each in counted) / len(counted)
    latencies = sorted(int(each["latency_us"]) / 1000 for each in counted)
    for name in LATENCY:
        found[name] = quantile(latencies, int(name[1:]) / 100)
    return found


def mean(runs):
    return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}


def error(name, one, other):
    """Absolute for a share, relative for a latency."""
    return abs(one[name] - other[name]) / (one[name] if name in LATENCY else 1)


def limit(name):
    return LATENCY.get(name, SHARE)


def compare(lab, simulated):
    """(name, lab, simulated, error, limit, agrees) for each figure."""
    return [(name, lab[name], simulated[name], error(name, lab, simulated), limit(name),
             error(name, lab, simulated) <= limit(name)) for name in lab]
