"""BUILD SUITE[,SUITE…]: the files, relative to BUILD, that the tests of these suites need, one a line."""
import json
import pathlib
import subprocess
import sys

build, suites = pathlib.Path(sys.argv[1]).resolve(), set(sys.argv[2].split(","))


def introspect(what):
    return json.loads(subprocess.run(["meson", "introspect", f"--{what}", build], capture_output=True, check=True).stdout)


files = {target["id"]: target["filename"] for target in introspect("targets")}
needed = {file for test in introspect("tests") if suites & {each.split(":")[-1] for each in test["suite"]}
          for target in test["depends"] for file in files[target]}
for file in sorted(needed):
    print(pathlib.Path(file).relative_to(build))
