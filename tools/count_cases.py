"""Prints one line for each test case of a meson junit file: pass|fail|skip NAME [why]."""
import sys
import xml.etree.ElementTree as ET


def main(path, label):
    count = 0
    for suite in ET.parse(path).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            count += 1
            name = f"{label}/{suite.get('name', '?')}/{case.get('name', '?')}".replace(" ", "_")
            skipped = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                print("fail", name)
            elif skipped is not None:
                why = (skipped.get("message") or skipped.text or "").strip().replace("\n", " ")
                print("skip", name, why[:160])
            else:
                print("pass", name)
    return 0 if count else 1


sys.exit(main(sys.argv[1], sys.argv[2]))
