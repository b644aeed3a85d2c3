// Messages between skerryd's control thread and the warden: one SEQPACKET datagram each, fixed
// records, descriptors by SCM_RIGHTS. Both ends are ours and of one build, yet every field is
// checked: the warden is the process that holds privileges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sandbox/channel/layout.hpp"
#include "sandbox/egress/network.hpp"
#include "sandbox/jail/jail.hpp"
#include "sandbox/runtime/kind.hpp"

namespace skerry::warden {

inline constexpr std::uint32_t kProtocolVersion = 5;
inline constexpr std::size_t kPathBytes = 512;
inline constexpr std::size_t kNameBytes = jail::kNameBytesMax + 1;
// Workers alive at a time. The dataplane has as many channels.
inline constexpr std::size_t kWorkersMax = 1024;
inline constexpr std::uint32_t kReadyJailsMax = 64;
// Descriptors of a spawn, native: channel, doorbells, wake, ready, log, then done[core_count].
inline constexpr std::size_t kFixedFds = 5;
inline constexpr std::size_t kFdsMax = kFixedFds + channel::kMaxCores + 1;
// What a blank may have for a channel, until it has one: as a function with one slot and those
// behind it, the usual payloads, and what a caller says beside its argument.
inline constexpr std::uint64_t kBlankChannelBytes =
    channel::channel_bytes(1 + channel::kAheadSlots, channel::slot_stride(65536 + 4096, 65536));

enum class MessageKind : std::uint32_t {
    spawn = 1,    // to the warden, with descriptors: those above, or of a kind that speaks the
                  // Runtime API, and of templates, the log alone; of templates and copies, then
                  // the snapshot
    kill = 2,     // to the warden: end the worker now
    spawned = 3,  // from the warden: its bootstrap is executed (not: it is ready); of a kind that
                  // speaks the Runtime API with a descriptor: where it will connect to
    failed = 4,   // from the warden: it could not be started; `error_code` and `text` say why
    exited = 5,   // from the warden: reaped; exit_code or signal
    assign = 6,   // to the warden: a worker that was spawned to stand by gets an artifact and
                 // limits; a blank, to become a copy, with descriptors: those of the channel, if it
                 // is native, without the log, then the snapshot
    assigned = 7,  // from the warden: it has them; or, with an `error_code`, it has been ended
};

struct Message {
    std::uint32_t version = kProtocolVersion;
    MessageKind kind = MessageKind::kill;
    std::uint64_t worker_id = 0;  // chosen by skerryd, never used twice
    // spawn; assign: without function, version, handler, host_uid and what follows pids_max, and
    // but for blanks, whose `start` is copy then, without start and core_count. To stand by:
    // without an artifact, and what is told to functions.
    std::uint64_t sent_us = 0;           // CLOCK_MONOTONIC of the order
    char artifact_dir[kPathBytes] = {};  // a folder of the warden's artifacts_dir
    char function[kNameBytes] = {};
    char version_hex[jail::kVersionBytesMax + 1] = {};
    char handler[jail::kHandlerBytesMax + 1] = {};  // empty: none
    runtime::Kind runtime = runtime::Kind::native;
    jail::Start start = jail::Start::fresh;
    std::uint32_t host_uid = 0;
    std::uint32_t memory_mib = 0;
    std::uint32_t core_count = 0;  // with a channel: 1 … kMaxCores; else 0
    std::uint32_t tmp_mib = 0;
    std::uint32_t cpu_percent = 0;  // of one CPU; 0: no quota
    std::uint32_t cpu_weight = 0;
    std::uint32_t pids_max = 0;
    std::uint64_t log_bytes_max = 0;              // largest file, when the log is one
    char egress[egress::kNameBytesMax + 1] = {};  // a network of the warden's; empty: none
    // spawned, failed, exited
    std::int32_t pid = 0;
    std::int32_t exit_code = 0;  // -1 when ended by a signal
    std::int32_t signal = 0;
    std::int32_t error_code = 0;  // errno
    // spawned, assigned: from the order's sending until the warden took it up, then the parts of
    // the start
    std::uint32_t queue_us = 0;
    jail::Phases phases;
    // spawned: its addresses in its egress network; empty: none
    char addresses[64] = {};
    // exited
    std::uint32_t out_of_memory = 0;      // 1: the kernel ended it for its memory limit
    std::uint64_t cpu_us = 0;             // used by all of its processes; 0: not known
    std::uint64_t peak_memory_bytes = 0;  // 0: not known
    char denied_call[32] = {};            // the system call that it was ended for; empty: none
    char text[256] = {};                  // spawned: its control group; failed: why
    // spawn: NAME=value, each with a zero at its end. Only these bytes of it are sent.
    std::uint32_t environment_bytes = 0;
    char environment[jail::kEnvironmentBytesMax] = {};
};

// Whether the order comes with the descriptors of a channel.
constexpr bool has_channel(const Message& order) {
    return !runtime::speaks_runtime_api(order.runtime) && order.start != jail::Start::template_of &&
           order.start != jail::Start::blank;
}

// How much of a message goes over the socket.
constexpr std::size_t wire_bytes(const Message& message) {
    return offsetof(Message, environment) + message.environment_bytes;
}

}  // namespace skerry::warden
