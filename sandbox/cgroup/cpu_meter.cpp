#include "sandbox/cgroup/cpu_meter.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <charconv>

namespace skerry::cgroup {

CpuMeter::CpuMeter(const Groups& groups, const std::string& name, pid_t pid) {
    if (groups.active() && !name.empty()) {
        const Groups::CpuFile file = groups.cpu_file(name);
        nanoseconds_ = file.nanoseconds;
        if (!file.path.empty()) file_ = UniqueFd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    if (!file_ && (pid <= 0 || ::clock_getcpuclockid(pid, &clock_) != 0)) clock_ = 0;
}

std::optional<std::uint64_t> CpuMeter::read_us() const {
    if (file_) {
        char text[1024];
        const ssize_t got = ::pread(file_.get(), text, sizeof text, 0);
        if (got <= 0) return std::nullopt;
        return parse_cpu_us({text, static_cast<std::size_t>(got)}, nanoseconds_);
    }
    timespec used{};
    if (clock_ == 0 || ::clock_gettime(clock_, &used) != 0) return std::nullopt;
    return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(used.tv_nsec) / 1000;
}

std::optional<std::uint64_t> parse_cpu_us(std::string_view text, bool nanoseconds) {
    constexpr std::string_view kKey = "usage_usec ";
    if (!nanoseconds) {
        // The first line of it; elsewhere only behind a line's end.
        if (!text.starts_with(kKey)) {
            const auto at = text.find("\n" + std::string(kKey));
            if (at == std::string_view::npos) return std::nullopt;
            text.remove_prefix(at + 1);
        }
        text.remove_prefix(kKey.size());
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return nanoseconds ? value / 1000 : value;
}

}  // namespace skerry::cgroup
