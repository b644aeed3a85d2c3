"""Turns a file into a C++ array: PROGRAM > SOURCE. The restorer is part of skerryd, so that the two always fit."""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
rows = [", ".join(map(str, data[i:i + 24])) for i in range(0, len(data), 24)]
print('#include "sandbox/template/restorer_file.hpp"\n\nnamespace skerry::snapshot {\n')
print("const unsigned char kRestorer[] = {\n" + ",\n".join(rows) + "};")
print(f"const std::size_t kRestorerBytes = {len(data)};\n\n}}  // namespace skerry::snapshot")
