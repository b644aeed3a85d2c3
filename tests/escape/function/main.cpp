// The function of the escape suite: tries what its payload names, and answers with what came of it.
//   payload   "call NAME" (one system call), or "ATTEMPT [WORD …]"; see the tables
// A native function, one of the Runtime API, or with an argument: one attempt, answered on standard
// output.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "sandbox/sdk/skerry.h"
#include "tests/escape/function/api.hpp"

namespace skerry::escape {

void Report::tried(const std::string& key, long result) {
    const char* name = result < 0 ? ::strerrorname_np(errno) : "done";
    say(key, name == nullptr ? std::to_string(errno) : name);
}

void sleep_for_ever() {
    while (true) ::pause();
}

void handle(const std::string& payload, Report& report) {
    std::istringstream text(payload);
    std::string name;
    text >> name;
    Words words;
    for (std::string word; text >> word;) words.push_back(word);
    if (name == "ready") return report.say("ready", "yes");
    if (name == "end") ::_exit(0);
    if (name == "call" && words.size() == 1 && try_call(words[0], report)) return;
    for (const auto table :
         {api_attempts(), channel_attempts(), descriptor_attempts(), exhaustion_attempts(),
          file_attempts(), memory_attempts(), network_attempts(), process_attempts(),
          signal_attempts(), sight_attempts()})
        for (const Attempt& attempt : table)
            if (name == attempt.name) return attempt.run(report, words);
    report.say("unknown", payload);
}

}  // namespace skerry::escape

int main(int count, char** arguments) {
    if (count == 2) {
        skerry::escape::Report report;
        skerry::escape::handle(arguments[1], report);
        (void)!::write(STDOUT_FILENO, report.text().data(), report.text().size());
        return 0;
    }
    if (std::getenv("AWS_LAMBDA_RUNTIME_API") != nullptr) return skerry::escape::serve_api();
    skerry_invocation invocation;
    while (skerry_next(&invocation) == 0) {
        skerry::escape::Report report;
        skerry::escape::handle(
            std::string(static_cast<const char*>(invocation.payload), invocation.payload_bytes),
            report);
        (void)skerry_respond(&invocation, SKERRY_OK, report.text().data(), report.text().size());
    }
    return 1;
}
