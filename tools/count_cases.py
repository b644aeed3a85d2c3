"""Prints one line for each test case of a meson run: pass|fail|skip NAME [why].

  count_cases.py MESON-LOGS LABEL

The cases are those of the junit file. A program that did not end well is one more failure when no case of it has
failed: it ran too long, or ended with an error after the last case, and the junit file says nothing of either."""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

GOOD = ("OK", "SKIP")


def cases(junit):
    """(verdict, suite, name, why) of each."""
    for suite in ET.parse(junit).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            skipped = case.find("skipped")
            verdict, why = "pass", ""
            if case.find("failure") is not None or case.find("error") is not None:
                verdict = "fail"
            elif skipped is not None:
                verdict, why = "skip", (skipped.get("message") or skipped.text or "").strip().replace("\n", " ")
            yield verdict, suite.get("name", "?"), case.get("name", "?"), why[:160]


def unexplained(log, failed):
    """Programs that ended badly without a failed case."""
    for line in log.read_text(errors="replace").splitlines():
        program = json.loads(line)
        name = program["name"].rsplit(" / ", 1)[-1]
        said = program.get("stdout", "")
        explained = "\nnot ok " in said or "[  FAILED  ]" in said or any(name in each for each in failed)
        if program["result"] not in GOOD and not explained:
            yield name, program["result"].lower()


def main(folder, label):
    folder = pathlib.Path(folder)
    found = list(cases(folder / "testlog.junit.xml"))
    for verdict, suite, name, why in found:
        print(verdict, f"{label}/{suite}/{name}".replace(" ", "_"), why)
    failed = [f"{suite}/{name}" for verdict, suite, name, _ in found if verdict == "fail"]
    for name, how in unexplained(folder / "testlog.json", failed):
        print("fail", f"{label}/{name}/{how}")
    return 0 if found else 1


sys.exit(main(sys.argv[1], sys.argv[2]))
