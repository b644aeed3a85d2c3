#include "sandbox/warden/orders.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace skerry::warden {
namespace {

Error wrong(const std::string& what) {
    return Error{EINVAL, "spawn: " + what};
}

// The text of a field, or an error when it has no terminating zero or is empty.
template <std::size_t N>
Result<std::string> text_of(const char (&field)[N], const char* name) {
    const std::size_t length = ::strnlen(field, N);
    if (length == N) return wrong(std::string(name) + " has no end");
    if (length == 0) return wrong(std::string(name) + " is empty");
    return std::string(field, length);
}

// Function names go into the worker's environment and into paths.
bool is_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}
bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Status check_range(const char* name, std::uint64_t found, std::uint64_t low, std::uint64_t high) {
    if (found >= low && found <= high) return ok();
    return wrong(std::string(name) + " is " + std::to_string(found) + ", needed is " +
                 std::to_string(low) + " to " + std::to_string(high));
}

Status check_numbers(const Message& message) {
    for (const Status& status :
         {check_range("host_uid", message.host_uid, kLowestHostUid, ~0u - 1),
          check_range("memory_mib", message.memory_mib, 1, kMemoryMibMax),
          check_range("tmp_mib", message.tmp_mib, 1, kTmpMibMax),
          check_range("core_count", message.core_count, 1, channel::kMaxCores)})
        if (!status) return status.error();
    return ok();
}

Status check_texts(const std::string& folder, const std::string& function,
                   const std::string& version) {
    if (folder[0] != '/') return wrong("artifact_dir '" + folder + "' is not an absolute path");
    if (!is_name(function))
        return wrong("function may have letters, digits, '-', '_' and '.' only");
    if (!is_hex(version)) return wrong("version_hex is not in lower-case hexadecimal");
    return ok();
}

// The channel's size; the descriptors are in the order of the protocol.
Result<std::uint64_t> check_fds(const std::vector<UniqueFd>& fds, std::uint32_t core_count) {
    if (fds.size() != kFixedFds + core_count)
        return wrong("came with " + std::to_string(fds.size()) + " descriptors, needed are " +
                     std::to_string(kFixedFds + core_count));
    struct stat channel;
    if (::fstat(fds[0].get(), &channel) != 0) return errno_error("spawn: fstat the channel");
    if (!S_ISREG(channel.st_mode)) return wrong("the channel is not a memfd");
    constexpr std::uint64_t kBytesMax = channel::channel_bytes(
        channel::kMaxSlotsPerChannel,
        channel::slot_stride(channel::kMaxAreaBytes, channel::kMaxAreaBytes));
    const auto bytes = static_cast<std::uint64_t>(channel.st_size);
    if (auto status = check_range("the channel's size", bytes, channel::kHeaderBytes, kBytesMax);
        !status)
        return status.error();
    if ((::fcntl(fds[1].get(), F_GETFL) & O_ACCMODE) != O_RDONLY)
        return wrong("the doorbells are not opened read-only");
    if ((::fcntl(fds[4].get(), F_GETFL) & O_ACCMODE) == O_RDONLY)
        return wrong("the log is not opened for writing");
    return bytes;
}

}  // namespace

Result<jail::Plan> plan_of(const Message& message, const std::vector<UniqueFd>& fds) {
    auto folder = text_of(message.artifact_dir, "artifact_dir");
    if (!folder) return folder.error();
    auto function = text_of(message.function, "function");
    if (!function) return function.error();
    auto version = text_of(message.version_hex, "version_hex");
    if (!version) return version.error();
    if (auto status = check_texts(*folder, *function, *version); !status) return status.error();
    if (auto status = check_numbers(message); !status) return status.error();
    auto channel_bytes = check_fds(fds, message.core_count);
    if (!channel_bytes) return channel_bytes.error();

    jail::Plan plan;
    plan.artifact_dir = std::move(*folder);
    plan.function = std::move(*function);
    plan.version_hex = std::move(*version);
    plan.host_uid = message.host_uid;
    plan.memory_mib = message.memory_mib;
    plan.tmp_mib = message.tmp_mib;
    plan.log_bytes_max = message.log_bytes_max;
    plan.channel_bytes = *channel_bytes;
    plan.log_fd = fds[4].get();
    for (std::size_t i = 0; i < fds.size(); ++i)
        if (i != 4) plan.channel_fds.push_back(fds[i].get());
    return plan;
}

}  // namespace skerry::warden
