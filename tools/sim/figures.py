"""Figures of the simulator's results as SVG, drawn by hand: bars, a timeline, a map."""
import csv
import html
import math
import pathlib

COLOURS = {"skerry": "#d1495b", "nearest": "#30638e", "peak-ewma": "#7a9e7e", "two-choices": "#b0a990", "c3": "#8f7a9e",
           "prequal": "#5a9aa8", "rendezvous": "#c98b2b", "affinity": "#6a4c93", "oracle-greedy": "#777777",
           "oracle-hindsight": "#222222"}
FONT = 'font-family="DejaVu Sans, sans-serif"'


def text(x, y, words, size=12, anchor="start", colour="#222", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" {FONT} font-size="{size}" text-anchor="{anchor}" fill="{colour}" {extra}>'
            f'{html.escape(str(words))}</text>')


def line(x1, y1, x2, y2, colour="#bbb", width=1, extra=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}" {extra}/>'


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<rect width="{width}" height="{height}" fill="white"/>' + "\n".join(parts) + "</svg>\n")


def nice_step(most):
    step = 10 ** math.floor(math.log10(max(most, 1e-9) / 4))
    return next(step * each for each in (1, 2, 5, 10) if most / (step * each) <= 6)


def bars(groups, unit, title):
    """`groups`: [(name, {policy: (value, half interval)})]; one row of bars for each group, relative to the group's most."""
    row, left, parts = 15, 150, [text(12, 24, title, 15)]
    y, width = 44, 900
    for name, values in groups:
        parts.append(text(12, y + 12, name, 13, extra='font-weight="bold"'))
        y += 20
        most = max(value for value, _ in values.values())
        for policy, (value, half) in values.items():
            scale = (width - left - 120) / most
            parts.append(text(left - 8, y + row - 4, policy, 11, "end"))
            parts.append(f'<rect x="{left}" y="{y + 2}" width="{value * scale:.1f}" height="{row - 4}" fill="{COLOURS[policy]}"/>')
            if not math.isnan(half):
                x, middle = left + value * scale, y + row / 2
                parts.append(line(x - half * scale, middle, x + half * scale, middle, "#000", 1.5))
            parts.append(text(left + value * scale + 8 + (0 if math.isnan(half) else half * scale), y + row - 4, f"{value:.0f} {unit}", 11))
            y += row
        y += 8
    return svg(width, y + 12, parts)


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def timeline(files, title, marks=()):
    """`files`: {policy: timeline CSV}. Mean latency above; cold starts, and requests sent to a failed region, below."""
    width, height, left, parts = 900, 560, 70, [text(12, 24, title, 15)]
    series = {policy: read_rows(path) for policy, path in files.items()}
    last = max(float(rows[-1]["time_s"]) for rows in series.values())

    def x(time_s):
        return left + float(time_s) / last * (width - left - 20)

    panels = [("mean latency, ms", 50, 220, lambda r: float(r["mean_ms"])),
              ("cold starts, share of requests", 310, 100, lambda r: int(r["cold"]) / max(1, int(r["requests"]))),
              ("requests sent to a failed region, or lost", 450, 70, lambda r: int(r["to_faulty"]) + int(r["failed"]))]
    for name, top, tall, value in panels:
        most = max(sorted(value(r) for rows in series.values() for r in rows)[-1], 1e-6)
        parts.append(text(left, top - 6, name, 12))
        step = nice_step(most)
        for i in range(int(most / step) + 1):
            y = top + tall - i * step / most * tall
            parts += [line(left, y, width - 20, y, "#e4e4e4"), text(left - 6, y + 4, f"{i * step:g}", 10, "end")]
        for policy, rows in series.items():
            points = " ".join(f"{x(r['time_s']):.1f},{top + tall - value(r) / most * tall:.1f}" for r in rows if int(r["requests"]) > 0 or top > 300)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[policy]}" stroke-width="1.6"/>')
        for mark in marks:
            parts.append(line(x(mark), top, x(mark), top + tall, "#c00", 1, 'stroke-dasharray="4 3"'))
    step = nice_step(last)
    for i in range(int(last / step) + 1):
        parts.append(text(x(i * step), 540, f"{i * step:g} s", 10, "middle"))
    for i, policy in enumerate(series):
        parts += [line(left + 150 * i, 553, left + 150 * i + 20, 553, COLOURS[policy], 3), text(left + 150 * i + 26, 557, policy, 11)]
    return svg(width, height + 8, parts)


def world_map(path, title):
    """Where requests ran: a line from each POP to its regions, as thick as the requests; dots are POPs and regions."""
    width, height, top = 1000, 520, 34

    def at(latitude, longitude):
        return (float(longitude) + 180) / 360 * width, top + (85 - float(latitude)) / 145 * (height - top)

    rows, ran, asked, places = read_rows(path), {}, {}, {}
    for row in rows:
        count = int(row["requests"])
        ran[row["place"]] = ran.get(row["place"], 0) + count
        asked[row["pop"]] = asked.get(row["pop"], 0) + count
        places[row["pop"]] = at(row["latitude"], row["longitude"])
        if row["place"] != "here":
            places[row["place"]] = at(row["place_latitude"], row["place_longitude"])
    total, most = sum(asked.values()), max(int(row["requests"]) for row in rows)
    parts = [text(12, 22, title, 15)]
    for degrees in range(-150, 180, 30):
        parts.append(line(*at(85, degrees), *at(-60, degrees), "#eee"))
    for degrees in range(-30, 90, 30):
        parts.append(line(*at(degrees, -180), *at(degrees, 180), "#eee" if degrees else "#ccc"))
    for row in sorted(rows, key=lambda each: int(each["requests"])):
        share = int(row["requests"]) / asked[row["pop"]]
        if row["place"] == "here" or share < 0.02:
            continue
        (x1, y1), (x2, y2) = places[row["pop"]], places[row["place"]]
        thick = 0.3 + 4 * math.sqrt(int(row["requests"]) / most)
        parts.append(line(x1, y1, x2, y2, "#30638e", round(thick, 2), f'stroke-opacity="{0.08 + 0.5 * share:.2f}"'))
    for pop, count in asked.items():
        x, y = places[pop]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.2 + 14 * math.sqrt(count / total):.1f}" fill="#7a9e7e" fill-opacity="0.7"/>')
    for place, count in ran.items():
        if place == "here":
            continue
        x, y = places[place]
        size = 3 + 26 * math.sqrt(count / total)
        parts.append(f'<rect x="{x - size / 2:.1f}" y="{y - size / 2:.1f}" width="{size:.1f}" height="{size:.1f}" fill="#d1495b" fill-opacity="0.75"/>')
        if count / total > 0.02:
            parts.append(text(x, y - size / 2 - 3, f"{place} {100 * count / total:.0f} %", 10, "middle"))
    parts.append(text(12, height - 8, "green: requests by POP; red: by region that executed them; lines: at least 2 % of a POP's requests", 11))
    return svg(width, height, parts)


def save(folder, name, content):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(content, encoding="utf-8")
