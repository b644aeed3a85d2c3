"""The lab and the simulator, given the same requests, agree on who executes what: tools/validate in short. Shares only, and
generously: this machine may have other things to do. docs/region-selection.md has the whole."""
import pathlib
import re
import sys

import rig  # noqa: F401 (paths)
import tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/sim"))

import agreement  # noqa: E402
import in_lab  # noqa: E402
import validate  # noqa: E402

WARM_UP_S = 2
SHORT = {"seconds": 7, "warm_up_s": WARM_UP_S, "keep_alive_s": 2, "half_life_s": 1}
SHARE = 0.15


def test_the_lab_and_the_simulator_agree(build, folder):
    text = validate.USUAL.read_text(encoding="utf-8")
    for name, value in SHORT.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    path = pathlib.Path(folder) / "short.toml"
    path.write_text(text, encoding="utf-8")
    scenario = in_lab.load(path)
    requests = in_lab.arrivals(build, path, 1)
    with in_lab.Lab(build, scenario) as lab:
        cold_ms = lab.cold_ms()
        answers, report = lab.run(requests)
    tap.equal((len(answers), report["lost"]), (len(requests), 0), "all are answered")
    regions = [f"r{n + 1}" for n in range(scenario["regions"]["count"])]
    ours = agreement.figures(answers, WARM_UP_S, regions)
    theirs = agreement.figures(validate.simulate(build, validate.with_cold_ms(text, cold_ms), 1), WARM_UP_S, regions)
    print(f"# lab       {validate.line(ours)}\n# simulator {validate.line(theirs)}")
    for name in ("pop", *regions, "cold"):
        assert agreement.error(name, ours, theirs) <= SHARE, f"{name}: lab {ours[name]}, simulator {theirs[name]}"
    assert ours["pop"] > 0.1 and 1 - ours["pop"] > 0.1, f"a part is executed here, a part is not: {ours}"


def test_what_a_lab_has_no_word_for_is_refused(_build, folder):
    text = validate.USUAL.read_text(encoding="utf-8")
    for change, words in (("[rollout]\nat_s = 3\n", "rollout"), ("", "")):
        path = pathlib.Path(folder) / "changed.toml"
        path.write_text(text + change, encoding="utf-8")
        try:
            in_lab.load(path)
            assert not words, "it was taken"
        except in_lab.LabError as error:
            assert words and words in str(error), error


if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory() as made:
        sys.exit(tap.run(sys.modules[__name__], pathlib.Path(sys.argv[1]).resolve(), made))
