#include "sandbox/warden/orders.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "sandbox/jail/environment.hpp"

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

constexpr bool has_snapshot(jail::Start start) {
    return start == jail::Start::template_of || start == jail::Start::copy;
}

Status check_limits(const Message& message) {
    for (const Status& status : {check_range("memory_mib", message.memory_mib, 1, kMemoryMibMax),
                                 check_range("tmp_mib", message.tmp_mib, 1, kTmpMibMax),
                                 check_range("cpu_percent", message.cpu_percent, 0, kCpuPercentMax),
                                 check_range("cpu_weight", message.cpu_weight, 1, kCpuWeightMax),
                                 check_range("pids_max", message.pids_max, 1, kPidsMax)})
        if (!status) return status.error();
    return ok();
}

Status check_numbers(const Message& message) {
    const std::uint32_t cores_max = has_channel(message) ? channel::kMaxCores : 0;
    for (const Status& status :
         {check_range("host_uid", message.host_uid, kLowestHostUid, ~0u - 1), check_limits(message),
          check_range("core_count", message.core_count, std::min(1u, cores_max), cores_max)})
        if (!status) return status.error();
    return ok();
}

Status check_texts(const std::string& function, const std::string& version) {
    if (!is_name(function))
        return wrong("function may have letters, digits, '-', '_' and '.' only");
    if (!is_hex(version)) return wrong("version_hex is not in lower-case hexadecimal");
    return ok();
}

// "/srv/artifacts/12ab" is the folder 12ab of /srv/artifacts; nothing else has a name.
Result<std::string> artifact_name(const std::string& folder, const Fence& fence) {
    std::string base = fence.artifacts_dir;
    while (base.size() > 1 && base.back() == '/') base.pop_back();
    if (base.empty() || base[0] != '/') return wrong("there is no folder of artifacts");
    if (base != "/") base += '/';
    if (folder.rfind(base, 0) != 0)
        return wrong("artifact_dir '" + folder + "' is not a folder of " + fence.artifacts_dir);
    std::string name = folder.substr(base.size());
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
        return wrong("artifact_dir '" + folder + "' is not directly in " + fence.artifacts_dir);
    return name;
}

// Native functions do without an image: the host's libraries are theirs, as long as there is none.
std::string image_of(runtime::Kind kind, const Fence& fence) {
    if (fence.runtimes_dir.empty()) return "";
    std::string image = fence.runtimes_dir + "/" + std::string(runtime::kind_name(kind));
    if (kind == runtime::Kind::native && ::access(image.c_str(), F_OK) != 0) return "";
    return image;
}

Result<std::string> handler_of(const Message& message) {
    const std::size_t length = ::strnlen(message.handler, sizeof message.handler);
    if (length == sizeof message.handler) return wrong("handler has no end");
    const std::string handler(message.handler, length);
    if (runtime::needs_handler(message.runtime) && handler.empty())
        return wrong("handler is empty");
    for (const char c : handler)
        if (static_cast<unsigned char>(c) < 0x20) return wrong("handler has control characters");
    return handler;
}

Status check_log(int log_fd) {
    if ((::fcntl(log_fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return wrong("the log is not opened for writing");
    return ok();
}

// What it holds is not looked at: nothing that has privileges believes it.
Status check_snapshot(int fd, jail::Start start) {
    struct stat found;
    if (::fstat(fd, &found) != 0) return errno_error("spawn: fstat the snapshot");
    if (!S_ISREG(found.st_mode)) return wrong("the snapshot is not a memfd");
    if (start == jail::Start::copy && (::fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
        return wrong("the snapshot of a copy is not opened read-only");
    return ok();
}

// The size of the channel whose descriptors are the first of `fds`.
Result<std::uint64_t> check_channel(const std::vector<UniqueFd>& fds) {
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
    return bytes;
}

// The channel's size, 0 without one; the descriptors are in the order of the protocol.
Result<std::uint64_t> check_fds(const std::vector<UniqueFd>& fds, const Message& message,
                                bool log_comes) {
    const bool channel_comes = has_channel(message);
    const std::size_t of_channel = channel_comes ? kFixedFds - 1 + message.core_count : 0;
    const std::size_t needed =
        of_channel + (log_comes ? 1 : 0) + (has_snapshot(message.start) ? 1 : 0);
    if (fds.size() != needed)
        return wrong("came with " + std::to_string(fds.size()) + " descriptors, needed are " +
                     std::to_string(needed));
    if (log_comes)
        if (auto status = check_log(fds[channel_comes ? 4 : 0].get()); !status)
            return status.error();
    if (has_snapshot(message.start))
        if (auto status = check_snapshot(fds.back().get(), message.start); !status)
            return status.error();
    return channel_comes ? check_channel(fds) : std::uint64_t{0};
}

// A log that is a file bounds what can be written to it, and with it every other file; a pipe is
// bounded by whoever reads it, and /tmp by its own size.
std::uint64_t file_bytes_max(const Message& message, int log_fd) {
    // Its memory, and the hole behind it (sandbox/template/README.md, "The tail").
    if (message.start == jail::Start::template_of)
        return (std::uint64_t{message.memory_mib} << 21) + (std::uint64_t{5} << 28);
    struct stat log;
    const std::uint64_t tmp_bytes = std::uint64_t{message.tmp_mib} << 20;
    if (::fstat(log_fd, &log) == 0 && S_ISREG(log.st_mode)) return message.log_bytes_max;
    return tmp_bytes;
}

void take_fds(const std::vector<UniqueFd>& fds, jail::Plan& plan) {
    std::size_t count = fds.size();
    if (has_snapshot(plan.start)) plan.snapshot_fd = fds[--count].get();
    const std::size_t log = count == 1 ? 0 : 4;
    plan.log_fd = fds[log].get();
    for (std::size_t i = 0; i < count; ++i)
        if (i != log) plan.channel_fds.push_back(fds[i].get());
}

// What is told to a function, and its artifact.
Status take_function(const Message& message, const Fence& fence, jail::Plan& plan) {
    auto folder = text_of(message.artifact_dir, "artifact_dir");
    if (!folder) return folder.error();
    auto artifact = artifact_name(*folder, fence);
    if (!artifact) return artifact.error();
    auto function = text_of(message.function, "function");
    if (!function) return function.error();
    auto version = text_of(message.version_hex, "version_hex");
    if (!version) return version.error();
    if (auto status = check_texts(*function, *version); !status) return status;
    auto handler = handler_of(message);
    if (!handler) return handler.error();
    plan.artifact = std::move(*artifact);
    plan.function = std::move(*function);
    plan.version_hex = std::move(*version);
    plan.handler = std::move(*handler);
    return ok();
}

// It stands by, or has its function's already.
Status check_has_no_texts(const Message& message) {
    if (message.function[0] != '\0' || message.version_hex[0] != '\0' ||
        message.handler[0] != '\0' || message.environment_bytes != 0)
        return wrong("there is something to tell a function, and no function to tell it to");
    return ok();
}

Status check_has_no_function(const Message& message) {
    if (message.start == jail::Start::blank ? !runtime::can_be_copied(message.runtime)
                                            : !runtime::can_stand_by(message.runtime))
        return wrong("workers of its kind can't stand by so");
    if (message.artifact_dir[0] != '\0') return wrong("it is to stand by, and has an artifact");
    if (message.egress[0] != '\0') return wrong("it is to stand by, and has a network");
    return check_has_no_texts(message);
}

}  // namespace

Result<std::size_t> network_of(const Message& message, const Fence& fence) {
    if (message.egress[0] == '\0') return kNoNetwork;
    auto name = text_of(message.egress, "egress");
    if (!name) return name.error();
    std::string known;
    for (std::size_t i = 0; i < fence.networks.size(); ++i) {
        if (fence.networks[i].name == *name) return i;
        known += (i == 0 ? "" : ", ") + fence.networks[i].name;
    }
    return wrong("this server has no egress network '" + *name + "'; it has " +
                 (known.empty() ? "none" : known));
}

Result<jail::Assignment> assignment_of(const Message& message, const std::vector<UniqueFd>& fds,
                                       const Fence& fence) {
    if (auto status = check_has_no_texts(message); !status) return status.error();
    const bool of_blank = message.start == jail::Start::copy;
    if (of_blank ? !runtime::can_be_copied(message.runtime)
                 : message.start != jail::Start{} || !runtime::can_stand_by(message.runtime))
        return wrong("no worker that stands by can become this");
    if (message.host_uid != 0 || message.log_bytes_max != 0 || message.egress[0] != '\0')
        return wrong("it has been started already: only artifact and limits can be assigned");
    auto folder = text_of(message.artifact_dir, "artifact_dir");
    if (!folder) return folder.error();
    auto artifact = artifact_name(*folder, fence);
    if (!artifact) return artifact.error();
    const std::uint32_t cores_max = of_blank && has_channel(message) ? channel::kMaxCores : 0;
    for (const Status& status :
         {check_limits(message),
          check_range("core_count", message.core_count, std::min(1u, cores_max), cores_max)})
        if (!status) return status.error();
    auto channel_bytes = check_fds(fds, message, false);
    if (!channel_bytes) return channel_bytes.error();
    jail::Assignment assignment{.kind = message.runtime,
                                .start = message.start,
                                .artifacts_dir = fence.artifacts_dir,
                                .artifact = std::move(*artifact),
                                .memory_mib = message.memory_mib,
                                .tmp_mib = message.tmp_mib,
                                .cpu_percent = message.cpu_percent,
                                .cpu_weight = message.cpu_weight,
                                .pids_max = message.pids_max,
                                .channel_bytes = *channel_bytes};
    for (const UniqueFd& fd : fds) assignment.fds.push_back(fd.get());
    return assignment;
}

Result<jail::Plan> plan_of(const Message& message, const std::vector<UniqueFd>& fds,
                           const Fence& fence) {
    if (static_cast<std::size_t>(message.runtime) >= runtime::kKindNames.size())
        return wrong("there is no such kind of runtime");
    if (message.start > jail::Start::blank) return wrong("there is no such way to start");
    jail::Plan plan;
    if (auto status = jail::stands_by(message.start) ? check_has_no_function(message)
                                                     : take_function(message, fence, plan);
        !status)
        return status.error();
    if (auto status = check_numbers(message); !status) return status.error();
    auto channel_bytes = check_fds(fds, message, true);
    if (!channel_bytes) return channel_bytes.error();
    const std::string_view environment(message.environment, message.environment_bytes);
    if (auto status = jail::check_environment(environment); !status)
        return wrong(status.error().text);
    std::string image = image_of(message.runtime, fence);
    if (image.empty() && message.runtime != runtime::Kind::native)
        return wrong("there is no folder of runtime images");

    plan.kind = message.runtime;
    plan.start = message.start;
    plan.restorer_fd = fence.restorer_fd;
    plan.artifacts_dir = fence.artifacts_dir;
    plan.image_dir = std::move(image);
    plan.server_name = fence.server_name;
    plan.environment = environment;
    plan.host_uid = message.host_uid;
    plan.memory_mib = message.memory_mib;
    plan.tmp_mib = message.tmp_mib;
    plan.cpu_percent = message.cpu_percent;
    plan.cpu_weight = message.cpu_weight;
    plan.pids_max = message.pids_max;
    const bool has_one_later =
        message.start == jail::Start::blank && !runtime::speaks_runtime_api(message.runtime);
    plan.channel_bytes = has_one_later ? kBlankChannelBytes : *channel_bytes;
    take_fds(fds, plan);
    plan.file_bytes_max = file_bytes_max(message, plan.log_fd);
    return plan;
}

}  // namespace skerry::warden
