"""The file system, what can be seen of the host, and the descriptors that a worker is born with."""
from row import ALL, Answers, Refused, Row, for_kinds

NATIVE_ENVIRONMENT = "HOME,LANG,PATH,SKERRY_FUNCTION,SKERRY_VERSION,TMPDIR"
API_ENVIRONMENT = ("AWS_DEFAULT_REGION,AWS_EXECUTION_ENV,AWS_LAMBDA_FUNCTION_MEMORY_SIZE,AWS_LAMBDA_FUNCTION_NAME,"
                   "AWS_LAMBDA_FUNCTION_VERSION,AWS_LAMBDA_INITIALIZATION_TYPE,AWS_LAMBDA_LOG_GROUP_NAME,"
                   "AWS_LAMBDA_LOG_STREAM_NAME,AWS_LAMBDA_RUNTIME_API,AWS_REGION,HOME,LAMBDA_RUNTIME_DIR,LAMBDA_TASK_ROOT,"
                   "LANG,PATH,TMPDIR,TZ,_HANDLER")
NO_CAPABILITY = "0" * 16


class Mounts:
    """Nothing can be written but /tmp; no program gains rights, and no device is one but those of /dev."""

    def check(self, status, answer, scene):
        for place, text in Answers().check(status, answer, scene).items():
            options = set(text.split()[-1].split(","))
            needed = {"nosuid", "rw" if place == "/tmp" else "ro"} | ({"nodev"} if place[:5] != "/dev/" else {"noexec"})
            assert needed <= options, f"{place}: {text}, needed {needed}"


class Environment:
    """What the runtime's contract lists; nothing of skerryd's own."""

    def check(self, status, answer, scene):
        Answers(names=NATIVE_ENVIRONMENT if scene.kind == "native" else API_ENVIRONMENT).check(status, answer, scene)


class Root:
    """Nothing of the host's but what a runtime's image may have; the host's secrets are elsewhere."""
    MAY = set("bin dev etc lib lib32 lib64 libx32 opt proc sbin task tmp usr var".split())
    DEVICES = "fd,null,random,stderr,stdin,stdout,urandom,zero"

    def check(self, status, answer, scene):
        found = Answers(dev=self.DEVICES, tmp="").check(status, answer, scene)
        assert set(found["root"].split(",")) <= self.MAY, found


FILES = [
    Row("own_program", "writing the running program through /proc/self/exe (CVE-2019-5736)",
        Refused("EACCES", "EROFS", "ETXTBSY"), "read-only artifact"),
    Row("read_only_places", "writing, renaming and removing outside of /tmp", Refused("EROFS", "EACCES"), "read-only root"),
    Row("links", "symbolic and hard links to files of the host", Refused("ENOENT", hard="EXDEV", hard_proc="EXDEV"),
        "root of its own", words=lambda scene: [scene.secret]),
    Row("roots_of_proc", "the roots and folders of all processes in /proc", Refused("ENOENT"), "root and PID namespace"),
    Row("climbing", "up with descriptors of folders, as out of a chroot", Answers(shadow="ENOENT", top_is_root="yes"),
        "pivot_root, old root detached"),
    Row("settings_of_the_kernel", "core_pattern, sysrq, modprobe, release_agent and id maps",
        Refused("ENOENT", "EROFS", "EACCES"), "/proc with its own processes alone, read-only"),
    Row("devices", "the host's devices", Refused("ENOENT", "EPERM", "EROFS"),
        "/dev with four devices"),
    Row("setuid_programs", "making the artifact setuid root, giving files away",
        Refused("EROFS", "EINVAL", also={"/usr/lib/openssh/ssh-keysign": (None, "setuid")}), "nosuid, one id"),
    Row("program_in_tmp", "a setuid program in /tmp: it runs, as nobody else", Answers(create="done", copy="done", exit="1"),
        "nosuid, no_new_privs", fouls=True),
]
SIGHT = [
    Row("environment", "the environment", Environment(), "environment made anew"),
    Row("root_folder", "the root", Root(), "root of its own"),
    Row("proc", "the processes", Answers(pid="1", parent="0", others="self,thread-self"), "PID namespace, subset=pid"),
    Row("rights", "its rights", Answers(CapInh=NO_CAPABILITY, CapPrm=NO_CAPABILITY, CapEff=NO_CAPABILITY,
                                        CapBnd=NO_CAPABILITY, CapAmb=NO_CAPABILITY, NoNewPrivs="1", Seccomp="2", uid="1000",
                                        euid="1000", gid="1000", session="1", Groups="", terminal="ENOENT"),
        "user namespace, no capability"),
    Row("mounts", "its mounts", Mounts(), "read-only mounts"),
]


class Descriptors:
    """Null, the log twice, and of a native worker channel, doorbells, two bells and one for each core; nothing else. The
    function itself has opened its connection to the Runtime API."""

    def check(self, status, answer, scene):
        found = Answers().check(status, answer, scene)["fds"].split(",")
        kinds = [each.split(":", 1)[1] for each in found]
        logs = f"{scene.lab.plan.node_dir('pop')}/logs/"
        expected = ["/dev/null", "LOG", "LOG"]
        expected += (["/memfd:skerry-channel", "/memfd:skerry-doorbells"] + ["anon_inode:"] * 3 if scene.kind == "native"
                     else ["socket:"])
        assert [("LOG" if each.startswith((logs, "pipe:")) else each) for each in kinds] == expected, found


SIGHT.append(Row("descriptors", "the descriptors it is born with", Descriptors(), "close_range"))
DESCRIPTORS = [
    Row("doorbells", "writing to the page that all workers read",
        Refused("EACCES", "EPERM", "EBADF", "EOPNOTSUPP"), "sealed memfd, opened read-only, mode 0444"),
    Row("notes leave", "leaving notes on the doorbells' open file …", Answers(left="yes"), "-", fouls=True),
    Row("notes", "… which the next worker must not find", Answers(offset="0", flags="0"),
        "an open file for each worker"),
    Row("channel_size", "shrinking, growing and sealing the channel", Refused("EPERM", "EFBIG", "EACCES", "EOPNOTSUPP"),
        "seals, mode 0600"),
    Row("execute_channel", "executing what lies in the channel", Refused("EACCES", "ETXTBSY"), "mode 0600"),
    Row("file_control", "owners, flags and locks on files that skerryd has open", Refused("ESRCH", "EPERM", tried="all"),
        "PID namespace; skerryd makes no call that could block", words=lambda scene: scene.server_pids(), fouls=True),
    Row("own_log", "reading and rewriting the log", Refused("EBADF", "EACCES", "EINVAL", "ESPIPE"), "the log is a pipe"),
]
OTHERS = [
    Row("others_by_number", "files and processes of skerryd, the warden and the neighbour by their numbers",
        Refused("ENOENT", "ESRCH"), "PID namespace",
        words=lambda scene: scene.server_pids() + scene.worker_pids()),
]
ROWS = for_kinds(ALL, FILES + SIGHT + OTHERS) + DESCRIPTORS
