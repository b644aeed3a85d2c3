"""Seeds of catalog_db_fuzz.cpp: catalogs as they are, and such as nobody has written. Pages of 512 bytes, for them to be small."""
import json
import pathlib
import re
import sqlite3
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROWS = HERE.parents[1] / "control/catalog/rows.hpp"


def tables():
    text = re.search(r"kTables\[\] = \{(.*?)\};", ROWS.read_text(), re.S).group(1)
    return ["".join(re.findall(r'"([^"]*)"', table)) for table in re.split(r",\n(?=\s*\"CREATE)", text)]


def file(*statements, version=1, application=0x536b4374):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "catalog.db"
        database = sqlite3.connect(path)
        database.execute("PRAGMA page_size = 512")
        for statement in (*tables(), "INSERT INTO meta VALUES(1, 7, '', '')", f"PRAGMA user_version = {version}", f"PRAGMA application_id = {application}"):
            database.execute(statement)
        for statement in statements:
            database.execute(*statement) if isinstance(statement, tuple) else database.execute(statement)
        database.commit()
        database.close()
        return path.read_bytes()


def seeds():
    put = "INSERT INTO functions VALUES(?, ?)"
    rows = []
    for name in ("full", "builds", "signed"):
        function = json.loads((HERE / f"corpus/catalog/{name}.json").read_text())["functions"][0]
        rows.append((put, (name, json.dumps(dict(function, name=name)))))
    good = file(*rows, ("INSERT INTO tombstones VALUES('gone', 'eu-1')", ()), "UPDATE meta SET fleet = '0123'")
    yield "good", good
    yield "empty", file()
    yield "later", file(version=2)
    yield "other", file(application=0)
    yield "cut", good[:2048]
    yield "page", good[:512] + b"\x7f" + good[513:]
    yield "name", file((put, ("other", rows[0][1][1])))
    yield "number", file("INSERT INTO tombstones VALUES('gone', 'EU')")
    yield "view", file("DROP TABLE functions", "CREATE VIEW functions AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT x AS name, x AS body FROM r")
    yield "trigger", file("CREATE TRIGGER t AFTER DELETE ON functions BEGIN SELECT 1; END")
