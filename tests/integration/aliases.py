"""Versions and aliases as a client asks for them, at a POP and through it at a region."""
import json
import sys

import rig
import tap
from tap import equal


def invoke(lab, name, *words, code=0):
    done = lab.run(lab.skerryctl, "--json", "invoke", name, "--pop", lab.plan.pop, *words)
    equal(done.returncode, code, done.stdout + done.stderr)
    return json.loads(done.stdout)


def versions_through(lab, name, *options):
    """Two versions, an alias for the old one, the alias moved, the alias taken away."""
    old = lab.deploy(name, "echo", *options, release_txt="1")["version"]
    equal(lab.ctl("function", "alias", name, "stable", "--version", old)["version"], old)
    new = lab.deploy(name, "echo", *options, release_txt="2")["version"]
    equal(lab.ctl("function", "describe", name)["aliases"], {"stable": old})
    for qualifier, version in (((), new), (("--qualifier", "stable"), old), (("--qualifier", old), old),
                               (("--qualifier", new[:16]), new)):
        answer = invoke(lab, name, "--payload", "x", *qualifier)
        equal((answer["status"], answer["version"]), ("ok", version[:16]), str(qualifier))
    equal(lab.ctl("function", "alias", name, "stable", "--version", new[:20])["version"], new)
    equal(invoke(lab, name, "--qualifier", "stable")["version"], new[:16])
    equal(lab.ctl("function", "alias", name, "stable", "--delete")["version"], new)
    equal(invoke(lab, name, "--qualifier", "stable", code=1)["status"], "no_such_version")
    return old


def test_at_the_pop(lab):
    versions_through(lab, "here", "--warm-min", "1", "--place", "pop")


def test_in_a_region(lab):
    versions_through(lab, "there", "--place", "region")


def test_an_alias_keeps_its_version_over_many_deploys(lab):
    first = lab.deploy("kept", "echo", "--place", "pop", release_txt="0")["version"]
    lab.ctl("function", "alias", "kept", "stable", "--version", first)
    for release in range(1, 18):
        lab.deploy("kept", "echo", "--place", "pop", release_txt=str(release))
    equal(invoke(lab, "kept", "--qualifier", "stable")["version"], first[:16])


def test_what_cannot_be_is_said(lab):
    lab.deploy("odd", "echo", "--place", "pop")
    for words, code, said in ((("alias", "odd", "x", "--version", "f" * 64), 1, "no-such-version"),
                              (("alias", "nobody", "x", "--version", "f" * 64), 1, "no-such-version"),
                              (("alias", "odd", "0123456789abcdef", "--version", "f" * 64), 1, "bad-value"),
                              (("alias", "odd", "x", "--version", "zz"), 1, "bad-value"),
                              (("alias", "odd", "x", "--delete"), 1, "no-such-version"),
                              (("alias", "odd", "x"), 2, "usage")):
        done = lab.ctl("function", *words, check=False)
        equal(done.returncode, code, done.stderr)
        equal(json.loads(done.stderr)["error"]["code"], said, str(words))


if __name__ == "__main__":
    with rig.Rig(sys.argv[1], "q", regions=1) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
