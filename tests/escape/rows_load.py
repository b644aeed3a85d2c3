"""Using up the machine: processes, memory, descriptors, disk, log, time; and lies in the channel."""
from row import ALL, DIES, HANGS, LIES, Answers, Either, Refused, Row, Unexpected, for_kinds

BOUNDED = Answers(bounded="yes")


class BoundedLog:
    """Whatever it writes, the server keeps little of it."""
    MOST_BYTES = 4 << 20

    def check(self, status, answer, scene):
        Either(Answers(some="yes"), HANGS).check(status, answer, scene)
        kept = sum(path.stat().st_size for path in (scene.lab.plan.node_dir("pop") / "logs").glob("**/*") if path.is_file())
        if kept > self.MOST_BYTES:
            raise Unexpected(f"{kept} bytes of logs are kept, expected at most {self.MOST_BYTES}")


PROCESSES = [
    Row("fork_bomb", "processes without end", Answers(then="EAGAIN", bounded="yes", within_limit="yes"), "limit of processes",
        fouls=True),
    Row("fork_tree", "processes that fork, too", Answers(tree="yes"), "limit of processes", fouls=True),
    Row("thread_bomb", "threads without end", Answers(then="EAGAIN", bounded="yes", within_limit="yes"), "limit of processes",
        fouls=True),
    Row("zombie_farm", "children that have ended, and nobody waits for", Answers(then="EAGAIN", bounded="yes"),
        "limit of processes", fouls=True),
    Row("vfork_storm", "500 children one after another", Answers(made="all"), "PID namespace"),
    Row("daemon", "a deaf process outside of session and group …", Answers(left="yes"), "-"),
    Row("end", "… goes with its worker", DIES, "PID namespace: its end is the end of all in it"),
    Row("kill_others", "signals to everybody, to given and guessed numbers", Refused("ESRCH", guessed="0"), "PID namespace",
        words=lambda scene: scene.server_pids()),
    Row("kill_parent", "signals to its group and to its parent", Answers(parent="0", pid="1"), "PID namespace, own session",
        fouls=True),
    Row("priorities", "a better priority, and other processes' priorities", Refused("EPERM", "EACCES", "ESRCH"),
        "no capability, RLIMIT_NICE"),
]
MEMORY = [
    Row("heap", "a gibibyte of heap", Either(DIES, Answers(then="ENOMEM", bounded="yes")), "memory limit"),
    Row("shared_memory", "a gibibyte of shared memory", Either(DIES, Answers(then="ENOMEM", bounded="yes")), "memory limit",
        fouls=True),
    Row("forked_memory", "more memory than it may have, in 8 children", Either(DIES, BOUNDED), "memory limit of all together", fouls=True),
    Row("page_tables", "tables of pages that are not there", Either(DIES, BOUNDED), "memory limit", fouls=True),
    Row("pipe_buffers", "memory in pipes", Either(DIES, BOUNDED), "memory limit", fouls=True),
    Row("socket_buffers", "memory in sockets", Either(DIES, BOUNDED), "memory limit", fouls=True),
    Row("locked_memory", "locked and huge pages", Refused("ENOMEM", "EAGAIN", "EPERM"), "RLIMIT_MEMLOCK"),
    Row("page_zero", "mapping address 0", Refused("EPERM"), "no capability"),
    Row("stack_overflow", "a stack without end", DIES, "memory limit"),
]
FILES = [
    Row("open_files", "open files without end", Answers(then="EMFILE", within_limit="yes"), "RLIMIT_NOFILE", fouls=True),
    Row("files_on_their_way", "open files in messages that nobody reads", Answers(then="ETOOMANYREFS", within_limit="yes"),
        "RLIMIT_NOFILE", fouls=True),
    Row("inodes", "empty folders without end", Answers(then="ENOSPC", within_limit="yes"), "inodes of /tmp"),
    Row("disk", "a gibibyte in /tmp, and a hole of a tebibyte", Answers(then=("ENOSPC", "EFBIG"), mib="16", sparse="EFBIG"),
        "size of /tmp, RLIMIT_FSIZE"),
    # Faster than it is read: then it waits, and its time limit passes.
    Row("log_flood", "32 MiB of log", BoundedLog(), "bounded log"),
    Row("pending_signals", "signals that wait", Answers(then="EAGAIN", within_limit="yes"), "RLIMIT_SIGPENDING", fouls=True),
    Row("timers", "timers without end", Answers(then="EAGAIN", within_limit="yes"), "RLIMIT_SIGPENDING", fouls=True),
    Row("core_dump", "a core file", DIES, "RLIMIT_CORE"),
]
TIME = [
    Row("endless_loop", "an endless loop", HANGS, "time limit"),
    Row("deaf_loop", "an endless loop that blocks and ignores all signals", HANGS, "time limit: SIGKILL"),
    Row("deaf_sleep", "sleeping with all signals blocked", HANGS, "time limit: SIGKILL"),
    Row("burn_in_handler", "passing the time limit in a signal handler", HANGS, "time limit: SIGKILL"),
    Row("storm_of_signals", "a loop under 10,000 signals a second", HANGS, "time limit: SIGKILL"),
    Row("stopped_child", "stopping itself and its child", HANGS, "time limit: SIGKILL"),
    Row("vfork_sleep", "waiting in vfork, which only SIGKILL ends", HANGS, "time limit: SIGKILL"),
    Row("burn_in_all", "41 processes that burn", HANGS, "time limit, weight of the CPU group"),
]
NETWORK = [
    Row("addresses", "services of the host, of clouds, of anybody, and the Runtime API of others",
        Refused("ENETUNREACH", "EADDRNOTAVAIL", "EINVAL", "ECONNREFUSED", "EAFNOSUPPORT"), "network namespace",
        words=lambda scene: [scene.port, *([9001] if scene.kind == "native" else [])]),
    Row("unix_sockets", "an abstract socket of the host, and the admin socket", Refused("ECONNREFUSED", "ENOENT"),
        "network namespace, root of its own", words=lambda scene: [scene.abstract, scene.lab.plan.admin_socket("pop")]),
    Row("low_port", "a privileged port", Refused("EACCES", "EAFNOSUPPORT"), "no capability over the network namespace"),
]
CHANNEL = [
    Row("lie_length", "an answer of 100 MB in an area of 64 KiB", LIES, "skerryd checks every word"),
    Row("lie_length_max", "an answer of 4 GiB − 1", LIES, "skerryd checks every word"),
    Row("lie_status", "a status that is none", LIES, "skerryd checks every word"),
    Row("lie_sequence", "the answer to another request", LIES, "skerryd checks every word"),
    Row("storm", "bells and bits for slots it never had, for a second", Answers(rang="yes"), "skerryd masks and bounds"),
    Row("full_bells", "full eventfds without O_NONBLOCK", Answers(filled="yes"), "skerryd never blocks on them", fouls=True),
    Row("holes", "taking the channel's pages away", Answers(punched="yes"), "seals", fouls=True),
    Row("random_writes", "200,000 random bytes all over the channel", Either(LIES, HANGS, Answers(wrote="yes")),
        "skerryd checks every word", fouls=True),
    Row("scribble", "the whole channel overwritten", LIES, "skerryd checks every word"),
    # Ends by itself when it wants to wait for the next.
    Row("close_all", "closing every descriptor, then answering", Answers(closed="yes"), "answers go through memory"),
    Row("exit_in_answer", "ending while the answer is read", Either(DIES, Answers()), "skerryd checks every word"),
]
ROWS = for_kinds(ALL, PROCESSES + MEMORY + FILES + TIME + NETWORK) + CHANNEL
