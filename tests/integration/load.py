"""skerry-load as somebody at a terminal has it: progress, report, the histogram's file, exit codes."""
import pathlib
import re
import signal
import subprocess
import sys

import rig
import tap
from tap import equal


def load(lab, *words, pop=None):
    return lab.run(lab.plan.build / "tools/load/skerry-load", "--pop", pop or lab.plan.pop, "--function", "echo", *words)


def read_hgrm(path):
    """HdrHistogram's text form: (value, quantile, count) for each line, and the comment lines' numbers."""
    lines = path.read_text().splitlines()
    equal(lines[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
    rows = [[float(word) for word in line.split()] for line in lines[1:] if line and line[0] != "#"]
    notes = {name: float(value) for line in lines if line.startswith("#[")
             for name, value in re.findall(r"([A-Z][A-Za-z ]*?)\s*=\s*([0-9.]+)", line)}
    return rows, notes


def test_report_progress_and_histogram(lab):
    lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "1")
    file = pathlib.Path(lab.folder.name) / "latencies.hgrm"
    done = load(lab, "--rate", "200", "--duration", "2.5", "--payload", "x", "--hgrm", file)
    equal(done.returncode, 0, done.stderr)
    progress = done.stderr.splitlines()
    equal(len(progress), 2, done.stderr)
    for second, line in enumerate(progress, 1):
        assert re.match(rf" +{second} s  sent \d+  answered \d+  lost 0  in flight \d+  late \d+  "
                        r"last second: [1-9]\d* executed, p50 \d+ us, p99 \d+ us$", line), line
    report = done.stdout
    assert re.match(r"sent 500 in 2\.\d\d s \(\d+/s, offered 200/s\), answered 500, lost 0, late \d+\n", report), report
    assert "\nstatus: ok 500\n" in report and "\nplace: pop 500\n" in report, report
    assert re.search(r"^  executed +500  p50 +[\d.]+  p90 .* max +[\d.]+$", report, re.M), report
    rows, notes = read_hgrm(file)
    for each in range(3):  # values, quantiles and counts never go back
        column = [row[each] for row in rows]
        equal(column, sorted(column))
    equal(rows[-1][1:3], [1.0, 500.0])
    equal((notes["Total count"], notes["Max"]), (500.0, rows[-1][0]))
    assert rows[0][0] <= notes["Mean"] <= notes["Max"], notes
    shown = float(re.search(r"executed .* max +([\d.]+)$", report, re.M).group(1))
    assert abs(shown - notes["Max"]) <= 0.1, (shown, notes)


def test_exit_codes(lab):
    quick = ("--rate", "20", "--duration", "0.3", "--deadline-ms", "300", "--quiet")
    equal(load(lab, *quick).returncode, 0)
    for what, words, code, text in (
            ("a file that can't be written", ("--hgrm", "/nonexistent/file"), 1, "/nonexistent/file"),
            ("an option that isn't one", ("--rates", "1"), 2, "--rates"),
            ("a payload that isn't there", ("--payload", "@/nonexistent"), 2, "/nonexistent"),
            ("less than one request", ("--rate", "1", "--duration", "0.1"), 2, "less than one request"),
            ("more in flight than it can hold", ("--rate", "1e7", "--deadline-ms", "900000"), 2, "--deadline-ms")):
        done = load(lab, *words, *(each for each in quick if "--rate" not in words or each == "--quiet"))
        equal(done.returncode, code, (what, done.stdout, done.stderr))
        assert text in done.stderr, (what, done.stderr)
    nobody = load(lab, *quick, pop=lab.plan.gateway("client") + ":9")
    equal(nobody.returncode, 3, (nobody.stdout, nobody.stderr))
    assert ", answered 0, lost 6," in nobody.stdout, nobody.stdout


def test_interrupted_it_still_reports(lab):
    process = subprocess.Popen(
        ["ip", "netns", "exec", lab.plan.namespace("client"), lab.plan.build / "tools/load/skerry-load", "--pop",
         lab.plan.pop, "--function", "echo", "--rate", "100", "--duration", "600"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert " 1 s " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=15)
    finally:
        process.kill()
    equal(process.returncode, 0)
    sent, answered = map(int, re.match(r"sent (\d+) .* answered (\d+),", out).groups())
    assert 90 <= sent == answered, out


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "g", regions=1) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
