// How long copies take and what they hold, beside starting the same programs anew: template-bench
// [ROUNDS]. Prints a table. Not a test: figures belong to a machine (docs, with their date).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "tests/sandbox/template/copies.hpp"

namespace {

using namespace skerry;
using namespace skerry::test;

std::int64_t now_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Memory that is its own: not a file's, not the snapshot's.
double private_kib(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    double sum = 0;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("Anonymous:")) sum += std::atof(line.c_str() + line.find(':') + 1);
    return sum;
}

struct Series {
    std::vector<double> us, kib;
    void row(const char* name) {
        std::sort(us.begin(), us.end());
        std::sort(kib.begin(), kib.end());
        std::printf("%-34s %9.0f %9.0f %9.0f\n", name, us[us.size() / 2], us[us.size() * 9 / 10],
                    kib[kib.size() / 2]);
    }
};

// From before the fork until the program says that it is where it would serve.
void measure(Series& series, const std::vector<std::string>& command, int memfd,
             const std::vector<std::string>& environment) {
    const std::int64_t start = now_ns();
    Running process(command, memfd, environment);
    const std::string line = process.read_line();
    const std::int64_t end = std::atoll(line.c_str());
    if (end == 0) {
        std::fprintf(stderr, "%s said: %s\n", command[0].c_str(), line.c_str());
        std::exit(1);
    }
    series.us.push_back(static_cast<double>(end - start) / 1000);
    series.kib.push_back(private_kib(process.pid()));
}

struct Program {
    const char* name;
    std::vector<std::string> command;
    std::vector<std::string> environment;
};

void compare(const Program& program, int rounds) {
    const Template taken(program.command, program.environment);
    if (!taken.good()) {
        std::fprintf(stderr, "%s: no template: %s\n", program.name, taken.outcome().output.c_str());
        std::exit(1);
    }
    struct stat found;
    ::fstat(taken.memfd(), &found);
    Series fresh, copies;
    for (int i = 0; i < rounds; ++i) {
        measure(fresh, program.command, -1, program.environment);
        measure(copies, {restorer()}, taken.memfd(), {});
    }
    fresh.row((std::string(program.name) + ", anew").c_str());
    copies.row((std::string(program.name) + ", a copy").c_str());
    std::printf("%-34s %29.0f KiB, shared\n", "  its snapshot",
                static_cast<double>(found.st_blocks) / 2);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 101;
    const std::string script = std::getenv("SKERRY_TEST_PYTHON");
    const std::string folder = script.substr(0, script.rfind('/'));
    const std::string module = std::getenv("SKERRY_TEST_PYTHON_MODULE");
    const std::vector<std::string> python = {std::string("LAMBDA_RUNTIME_DIR=") +
                                             std::getenv("SKERRY_TEST_LIBRARY_DIR")};
    std::printf("%-34s %9s %9s %9s\n", "", "p50 us", "p90 us", "KiB priv.");
    compare({"native, small", {subject(), "moment"}, {}}, rounds);
    compare({"native, 64 MiB table", {subject(), "table"}, {}}, rounds / 4 + 1);
    compare({"native, 64 MiB table, exact", {subject(), "table"}, {"SKERRY_SNAPSHOT_EXACT=1"}},
            rounds / 4 + 1);
    Series plain;
    for (int i = 0; i < rounds / 2 + 1; ++i)
        measure(plain,
                {"/usr/bin/python3", "-c",
                 "import time; print(time.monotonic_ns(), flush=True); time.sleep(9)"},
                -1, {});
    plain.row("python3 -c, nothing imported");
    compare({"python3, 7 modules", {"/usr/bin/python3", folder + "/moment.py", module}, python},
            rounds / 2 + 1);
    return 0;
}
