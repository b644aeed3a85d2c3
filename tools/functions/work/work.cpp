// Takes a given time, and leaves a trace: for tests and benchmarks that must know what was
// executed, where, how often and in which version.
//
//   payload  words of KEY=VALUE: us=N (0 … 60000000), mode=burn|sleep (burn), bytes=N (answer
//   padded
//            to N bytes), fail=1 (answers with a function error), exit=1 (exits instead)
//   answer   version=MARKER us=N, where MARKER is the first line of version.txt in the artifact
//   start    takes START_US longer (0 … 60000000, of the function's environment), asleep
//   log      one line "executed HI-LO" for each request, HI and LO being its id in 16 hex digits
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cinttypes>
#include <cstdlib>

#include "tools/functions/serve.hpp"

namespace {

using skerry::functions::error;
using skerry::functions::Outcome;

constexpr std::uint64_t kMostUs = 60'000'000;

struct Order {
    std::uint64_t us = 0;
    std::uint64_t bytes = 0;
    bool sleep = false;
    bool fail = false;
    bool exit = false;
};

bool number(std::string_view text, std::uint64_t most, std::uint64_t& out) {
    const auto [at, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    return problem == std::errc{} && at == text.data() + text.size() && out <= most;
}

bool take(std::string_view word, Order& order) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
    std::uint64_t flag = 0;
    if (key == "us") return number(value, kMostUs, order.us);
    if (key == "bytes") return number(value, 8u << 20, order.bytes);
    if (key == "fail") {
        const bool good = number(value, 1, flag);
        order.fail = flag == 1;
        return good;
    }
    if (key == "exit") {
        const bool good = number(value, 1, flag);
        order.exit = flag == 1;
        return good;
    }
    order.sleep = value == "sleep";
    return key == "mode" && (value == "sleep" || value == "burn");
}

// False: a word that is not understood, left in `word`.
bool parse(std::string_view text, Order& order, std::string_view& word) {
    constexpr std::string_view kSpace = " \t\r\n";
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
        if (text.empty()) return true;
        word = text.substr(0, text.find_first_of(kSpace));
        text.remove_prefix(word.size());
        if (!take(word, order)) return false;
    }
}

std::uint64_t now_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

void spend(const Order& order) {
    const std::uint64_t end_us = now_us() + order.us;
    if (order.sleep) {
        const timespec end{static_cast<time_t>(end_us / 1'000'000),
                           static_cast<long>(end_us % 1'000'000 * 1000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) == EINTR) {
        }
        return;
    }
    while (now_us() < end_us) {
    }
}

// The working directory of a worker is its artifact.
std::string read_marker() {
    char text[64] = "";
    const int fd = open("version.txt", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "none";
    const ssize_t bytes = read(fd, text, sizeof text - 1);
    close(fd);
    std::string marker(text, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    marker.resize(std::min(marker.find_first_of(" \r\n"), marker.size()));
    return marker.empty() ? "none" : marker;
}

// A start that takes as long as one that loads a model, say.
void start_slowly() {
    const char* text = getenv("START_US");
    Order order{.sleep = true};
    if (text != nullptr && number(text, kMostUs, order.us)) spend(order);
}

// One write: lines of several workers in one file must not mix.
void log_execution(const skerry_invocation& invocation) {
    char line[64];
    const int bytes = std::snprintf(line, sizeof line, "executed %016" PRIx64 "-%016" PRIx64 "\n",
                                    invocation.request_id[0], invocation.request_id[1]);
    (void)!write(STDERR_FILENO, line, static_cast<std::size_t>(bytes));
}

}  // namespace

int main() {
    start_slowly();
    const std::string marker = read_marker();
    return skerry::functions::serve(
        [&](std::string_view payload, const skerry_invocation& invocation) -> Outcome {
            log_execution(invocation);
            Order order;
            std::string_view word;
            if (!parse(payload, order, word))
                return error("found \"" + std::string(word.substr(0, 40)) +
                             "\", allowed: us=0…60000000 mode=burn|sleep bytes=N fail=0|1 "
                             "exit=0|1");
            spend(order);
            if (order.exit) _exit(1);
            if (order.fail) return error("asked to fail; version=" + marker);
            std::string text = "version=" + marker + " us=" + std::to_string(order.us);
            if (text.size() < order.bytes) text.resize(order.bytes, '.');
            return {SKERRY_OK, std::move(text)};
        });
}
