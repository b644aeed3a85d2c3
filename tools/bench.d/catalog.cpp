// What a deploy costs in the catalog, beside the whole file that versions before SQLite wrote:
//   skerry-bench-catalog FOLDER [changes]
// One line for each number of functions: milliseconds, median and 95 of 100; start: opening,
// checking and reading it all. The folder is on the disk that is to be measured, and is left empty.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"
#include "control/catalog/files.hpp"
#include "sandbox/base/check.hpp"

namespace {

using namespace skerry;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

catalog::Function make(std::size_t n, int version) {
    catalog::Function f;
    f.name = "function-" + std::to_string(n);
    for (int kept = 0; kept < 3; ++kept)
        f.versions.push_back(
            catalog::sha256_hex(f.name + " " + std::to_string(version) + std::to_string(kept)));
    f.current = f.versions.back();
    return f;
}

struct Times {
    std::vector<double> all;
    double at(double share) {
        std::sort(all.begin(), all.end());
        return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
    }
};

// As control/catalog did it until then: a copy of everything, all of it as text, write, fsync,
// rename.
double whole_file(const catalog::State& state, const std::string& path,
                  const catalog::Function& f) {
    const auto begin = Clock::now();
    catalog::State copy = state;
    copy.functions[f.name] = f;
    std::string text;
    for (const auto& [name, function] : copy.functions) text += catalog::render(function) + ",\n";
    SKERRY_CHECK(static_cast<bool>(catalog::replace_file(path, text)));
    return ms_since(begin);
}

void measure(const std::string& folder, std::size_t count, int changes) {
    const std::string state_dir = folder + "/" + std::to_string(count);
    catalog::State state;
    {
        auto made = catalog::Catalog::open(state_dir);
        SKERRY_CHECK(static_cast<bool>(made));
        catalog::Draft draft = made->draft();
        for (std::size_t n = 0; n < count; ++n) {
            SKERRY_CHECK(static_cast<bool>(draft.put(make(n, 0))));
            SKERRY_CHECK(static_cast<bool>(state.add(make(n, 0))));
        }
        SKERRY_CHECK(static_cast<bool>(made->write(draft)));
    }
    const auto begin = Clock::now();
    auto opened = catalog::Catalog::open(state_dir);
    const double start_ms = ms_since(begin);
    SKERRY_CHECK(opened && opened->functions().size() == count);
    Times memory, write, file;
    for (int i = 1; i <= changes; ++i) {
        const catalog::Function f = make(static_cast<std::size_t>(i) * 7919 % count, i);
        auto at = Clock::now();
        catalog::Draft draft = opened->draft();
        SKERRY_CHECK(static_cast<bool>(draft.put(f)));
        double spent = ms_since(at);
        at = Clock::now();
        SKERRY_CHECK(static_cast<bool>(opened->write(draft)));
        write.all.push_back(ms_since(at));
        at = Clock::now();
        opened->take(draft);
        memory.all.push_back(spent + ms_since(at));
        if (i <= std::max(5, changes / 20))
            file.all.push_back(whole_file(state, state_dir + "/whole.json", f));
    }
    std::printf(
        "%6zu functions, %5.1f MiB: draft and take %.3f (%.3f), write %.2f (%.2f); whole file "
        "%.1f (%.1f); start %.0f\n",
        count,
        static_cast<double>(std::filesystem::file_size(state_dir + "/catalog.db")) / (1 << 20),
        memory.at(0.5), memory.at(0.95), write.at(0.5), write.at(0.95), file.at(0.5), file.at(0.95),
        start_ms);
    std::filesystem::remove_all(state_dir);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "skerry-bench-catalog FOLDER [changes]\n");
        return 2;
    }
    const int changes = argc > 2 ? std::atoi(argv[2]) : 200;
    for (const std::size_t count : {std::size_t{10}, std::size_t{1024}, std::size_t{65536}})
        if (count <= skerry::catalog::kMaxFunctions) measure(argv[1], count, std::max(changes, 1));
}
