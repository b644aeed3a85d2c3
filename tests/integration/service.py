"""The POP of a lab under the supervisor, and the callers that it has."""
import json
import pathlib

import leftovers
from run import entering
from steady import Kind
from supervisor import Supervisor

FUNCTIONS = pathlib.Path(__file__).resolve().parent / "functions"

ECHO = Kind("echo", 200, lambda n: f"echo {n}".encode(), lambda asked, got: got == asked)
SNAKE = Kind("snake", 10, lambda n: json.dumps({"n": n}).encode(),
             lambda asked, got: json.loads(got)["event"] == json.loads(asked))
SHELL = Kind("shell", 5, lambda n: json.dumps({"n": n}).encode(),
             lambda asked, got: json.loads(got)["event"] == json.loads(asked))
OPTIONS = {"snake": ("python3", "handler.py", ("--handler", "handler.handle")), "shell": ("provided", "bash_bootstrap", ())}


class Service:
    """The POP of a lab, under a supervisor instead of the lab's own start."""

    def __init__(self, lab, before=(), unit=None):
        self.lab, self.plan = lab, lab.plan
        if leftovers.read(self.plan.dir / "pop.pid"):
            lab.lab("kill", "pop")
        self.supervisor = Supervisor([*before, *entering(self.plan.namespace("pop"), [
            self.plan.skerryd, "--config", self.plan.dir / "pop.toml"])], lab.new_folder(), unit)

    def __enter__(self):
        self.supervisor.__enter__()
        self.supervisor.wait_ready(30)
        return self

    def __exit__(self, *problem):
        if problem[0] is not None:
            print("\n".join("# " + line for line in self.supervisor.log_tail(30).splitlines()), flush=True)
        self.supervisor.__exit__()

    def deploy_kinds(self):
        """What can be deployed here; the echo always."""
        self.lab.deploy("echo", "echo", "--place", "pop", "--warm-min", "2")
        kinds = [ECHO]
        for kind in (SNAKE, SHELL):
            runtime, source, options = OPTIONS[kind.function]
            if not (self.plan.build / "runtimes" / runtime / "usr").is_dir():
                print(f"# no image of {runtime}: without {kind.function}", flush=True)
                continue
            folder = self.lab.new_folder()
            name = "bootstrap" if runtime == "provided" else source
            (folder / name).write_bytes((FUNCTIONS / source).read_bytes())
            (folder / name).chmod(0o755)
            self.lab.ctl("function", "deploy", kind.function, "--artifact", folder, "--runtime", runtime, *options,
                         "--memory-mib", "128", "--place", "pop", "--warm-min", "1")
            kinds.append(kind)
        return kinds

    def functions(self):
        return {each["name"]: each for each in self.lab.ctl("function", "list")["functions"]}

    def versions(self):
        return {name: (each["current"], [version["version"] for version in each["versions"]])
                for name, each in self.functions().items()}
