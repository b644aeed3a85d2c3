"""Seeds of event_file_fuzz.cpp: files of events as they are, damaged ones, and programs of rows ('r' first)."""
import pathlib
import re
import sqlite3
import tempfile

STORE = pathlib.Path(__file__).resolve().parents[2] / "control/events/store.cpp"


def schema():
    text = re.search(r"kSchema\[\] =\n(.*?);", STORE.read_text(), re.S).group(1)
    return "".join(re.findall(r'"([^"]*)"', text))


def file(*statements, version=2):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "events.db"
        database = sqlite3.connect(path)
        for statement in (f"PRAGMA user_version = {version}", schema(), *statements):
            database.execute(statement)
        database.commit()
        database.close()
        return path.read_bytes()


ROW = "INSERT INTO events VALUES({},1,2,3,0,0,0,0,1700000000000,1700000000000,0,{},{})"


def seeds():
    good = file(*(ROW.format(id, payload, context) for id, payload, context in ((1, "x'6f6e65'", 2), (2, "x''", "NULL"), (3, "zeroblob(9000)", 2687))))
    yield "good", good
    yield "empty", file()
    yield "later", file(version=3)
    yield "first", file("DROP TABLE events", schema().replace(", context_bytes INTEGER", ""), ROW.replace(",{})", ")").format(1, "x'6f'"), version=1)
    yield "cut", good[:5000]
    yield "page", good[:4096] + b"\x7f" + good[4097:]
    yield "view", file("DROP TABLE events", "CREATE VIEW events AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT x FROM r")
    yield "trigger", file("CREATE TRIGGER t AFTER DELETE ON events BEGIN SELECT 1; END")
    small = lambda value: bytes([0, value])  # noqa: E731
    row = b"".join([small(1)] * 11) + bytes([3, 3]) + b"abc" + small(1)
    yield "row", b"r" + row
    yield "rows", b"r" + row + small(2) + row[2:-7] + bytes([4, 200]) + small(9) + small(3) + b"".join([small(7)] * 10) + bytes([2, 1]) + b"t" + small(0)
    yield "numbers", b"r" + b"".join([bytes([1]) + b"\xff" * 8] * 11) + bytes([5, 9, 1]) + b"\xff" * 8
