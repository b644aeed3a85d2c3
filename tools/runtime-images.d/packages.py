"""Which installed packages an image is made of: the table of kinds, and the closure of dependencies."""
import os
import re
import shlex
import subprocess
import sys


class ImageError(Exception):
    """What is wrong, and what to do about it: for the operator."""


class Kind:
    """One kind's rows of kinds.txt, those of the kind it is like included."""

    def __init__(self):
        self.packages, self.without, self.drops, self.checks, self.bytecode = [], [], [], [], []
        self.links, self.also, self.built = [], [], []

    def add(self, word, rest):
        if word == "check":
            self.checks.append(shlex.split(rest))
        elif word in ("link", "also", "built"):
            {"link": self.links, "also": self.also, "built": self.built}[word].append(tuple(rest.split()))
        elif word in ("packages", "without", "drop", "bytecode"):
            {"packages": self.packages, "without": self.without, "drop": self.drops,
             "bytecode": self.bytecode}[word].extend(rest.split())
        else:
            raise ImageError(f"kinds.txt: no such word: {word}")

    def take(self, other):
        for name, values in vars(other).items():
            getattr(self, name).extend(values)


def read_kinds(text):
    kinds = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, word, rest = line.split(None, 2)
        kind = kinds.setdefault(name, Kind())
        if word == "like":
            kind.take(kinds[rest.strip()])
        else:
            kind.add(word, rest)
    return kinds


class Installed:
    """The packages of this machine's native architecture that are installed, as dpkg knows them."""

    def __init__(self):
        fields = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
        said = subprocess.run(["dpkg-query", "-W", "-f", fields], text=True, capture_output=True, check=True).stdout
        native = subprocess.run(["dpkg", "--print-architecture"], text=True, capture_output=True,
                                check=True).stdout.strip()
        self.versions, self.depends, self.provided_by = {}, {}, {}
        for line in said.splitlines():
            status, name, version, architecture, depends, provides = line.split("\t")
            # While another package is installed, libc-bin is often one that waits for a trigger: its files are there.
            if status not in ("installed", "triggers-pending", "triggers-awaited") or architecture not in (native, "all"):
                continue
            self.versions[name] = version
            self.depends[name] = depends
            for given in re.findall(r"[\w.+-]+(?=\s*(?:\(|,|$))", provides):
                self.provided_by.setdefault(given, name)

    def find(self, name):
        """The installed package of this name, or the one that stands in for it; None."""
        return name if name in self.versions else self.provided_by.get(name)

    def closure(self, kind):
        """Name → version of all that the kind is made of."""
        found, waiting = {}, list(kind.packages)
        while waiting:
            asked = waiting.pop()
            name = self.find(asked)
            if name is None:
                raise ImageError(f"package {asked} is not installed; next: sudo apt-get install {asked}")
            if name in found:
                continue
            found[name] = self.versions[name]
            for choice in self.depends[name].split(","):
                named = [re.sub(r"[\s(:].*", "", part.strip()) for part in choice.split("|") if part.strip()]
                if not named or any(each in kind.without for each in named):
                    continue
                # Installed means that one of the alternatives is there.
                there = [each for each in named if self.find(each)]
                waiting.append(there[0] if there else named[0])
        return dict(sorted(found.items()))


def install_missing(kinds):
    """Installs what the kinds name and is not there. Quiet, unless it fails."""
    there = Installed()
    missing = sorted({name for kind in kinds for name in kind.packages if not there.find(name)})
    if not missing:
        return there
    # Somebody else may be at it.
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
    command = [*apt, "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise ImageError("packages are missing, and only root can install them: sudo " + " ".join(command))
    print(f"installing {' '.join(missing)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in ([*apt, "update", "-qq"], command):
        done = subprocess.run(step, env=environment, text=True, capture_output=True)
        if done.returncode != 0:
            raise ImageError(f"{' '.join(step)} failed: " + " ".join((done.stderr or done.stdout).split())[-400:])
    return Installed()


def files_of(packages):
    """The absolute paths, folders included, that dpkg lists for packages."""
    said = subprocess.run(["dpkg", "-L", *packages], text=True, capture_output=True, check=True).stdout
    return sorted({line for line in said.splitlines() if line.startswith("/") and line != "/."})
