// Messages between skerryd's control thread and the warden: one SEQPACKET datagram each, fixed
// records, descriptors by SCM_RIGHTS. Both ends are ours and of one build, yet every field is
// checked: the warden is the process that holds privileges.
#pragma once

#include <cstdint>

#include "sandbox/channel/layout.hpp"

namespace skerry::warden {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kPathBytes = 512;
inline constexpr std::size_t kNameBytes = 64;
// Workers alive at a time. The dataplane has as many channels.
inline constexpr std::size_t kWorkersMax = 1024;
// Descriptors of a spawn: channel, doorbells, wake, ready, log, then done[core_count].
inline constexpr std::size_t kFixedFds = 5;
inline constexpr std::size_t kFdsMax = kFixedFds + channel::kMaxCores;

enum class MessageKind : std::uint32_t {
    spawn = 1,  // to the warden, with descriptors: channel, doorbells, wake, ready, log,
                // done[core_count]
    kill = 2,   // to the warden: end the worker now
    spawned =
        3,  // from the warden: the process exists (not: it is ready; that is the ready eventfd)
    failed = 4,  // from the warden: it could not be started; `error_code` and `text` say why
    exited = 5,  // from the warden: reaped; exit_code or signal
};

struct Message {
    std::uint32_t version = kProtocolVersion;
    MessageKind kind = MessageKind::kill;
    std::uint64_t worker_id = 0;  // chosen by skerryd, never used twice
    // spawn
    char artifact_dir[kPathBytes] = {};  // absolute; holds `bootstrap`
    char function[kNameBytes] = {};
    char version_hex[72] = {};
    std::uint32_t host_uid = 0;
    std::uint32_t memory_mib = 0;  // RLIMIT_AS
    std::uint32_t core_count = 0;
    std::uint32_t tmp_mib = 0;
    std::uint64_t log_bytes_max = 0;  // RLIMIT_FSIZE
    // spawned, failed, exited
    std::int32_t pid = 0;
    std::int32_t exit_code = 0;  // -1 when ended by a signal
    std::int32_t signal = 0;
    std::int32_t error_code = 0;  // errno
    char text[256] = {};
};

}  // namespace skerry::warden
