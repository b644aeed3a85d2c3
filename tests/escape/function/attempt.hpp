// What an attempt is, for all files of this function. One invocation is one attempt; the answer has
// one line "KEY=VALUE" for each thing tried, VALUE being "done" (nobody refused), the name of an
// errno ("EPERM"), or what was found.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace skerry::escape {

class Report {
  public:
    void say(const std::string& key, const std::string& value) {
        text_ += key + "=" + value + "\n";
    }
    void count(const std::string& key, long value) { say(key, std::to_string(value)); }
    // The result of a system call: below zero is a failure, and errno says which.
    void tried(const std::string& key, long result);
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// What follows the attempt's name in the payload; the harness tells a worker there what it could
// not know.
using Words = std::vector<std::string>;

struct Attempt {
    const char* name;
    void (*run)(Report&, const Words&);
};

// One table a file.
std::span<const Attempt> channel_attempts();
std::span<const Attempt> descriptor_attempts();
std::span<const Attempt> exhaustion_attempts();
std::span<const Attempt> file_attempts();
std::span<const Attempt> memory_attempts();
std::span<const Attempt> network_attempts();
std::span<const Attempt> process_attempts();
std::span<const Attempt> signal_attempts();
std::span<const Attempt> sight_attempts();

struct Call {
    const char* name;
    long (*run)();
};
std::span<const std::span<const Call>> kernel_calls();

// One system call by its name, with arguments that would do harm; false: not in the tables.
bool try_call(const std::string& name, Report& report);

// For all: bounds that hold even where a jail has none, so that no machine is taken down.
inline constexpr int kProcessesTried = 2000;
inline constexpr std::size_t kBytesTried = std::size_t{1} << 30;

[[noreturn]] void sleep_for_ever();

// The answers, by whatever the worker was started with: never returns but without a channel.
void handle(const std::string& payload, Report& report);

}  // namespace skerry::escape
