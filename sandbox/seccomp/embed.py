#!/usr/bin/env python3
"""Writes a C++ source with the text of files in it: embed.py OUTPUT FILE..."""
import pathlib
import sys

output, *files = sys.argv[1:]
lines = ["// Written by embed.py.", '#include "sandbox/seccomp/policies.hpp"', "",
         "namespace skerry::seccomp {", "",
         "std::optional<std::string_view> policy_text(std::string_view name) {"]
for file in map(pathlib.Path, files):
    lines.append(f'    if (name == "{file.name}")')
    lines.append("        return std::string_view(")
    # A line each: a literal has a limit, and a compiler names the line that it does not like.
    for line in file.read_text(encoding="ascii").splitlines():
        text = line.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'            "{text}\\n"')
    lines.append('            "");')
lines += ["    return std::nullopt;", "}", "", "}  // namespace skerry::seccomp", ""]
pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")
