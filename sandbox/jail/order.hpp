// What the warden tells a prepared child to become: one record over their socket, with descriptors.
// Both ends are one program, the child a copy of the warden: the record is its memory, unencoded.
// Internal to sandbox/jail.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "sandbox/channel/layout.hpp"
#include "sandbox/jail/jail.hpp"

namespace skerry::jail {

// One name in the worker's root: a symbolic link, or a place for a mount.
struct RootEntry {
    char name[24] = {};    // "usr", "var/runtime"
    char target[48] = {};  // of a link; empty: the next of the order's mounts
};
inline constexpr std::size_t kRootEntriesMax = 12;

// Descriptors that come along: the log, the channel's, of a template and a copy the snapshot, of a
// blank its end of the link instead, of copies and blanks also the restorer, with egress that
// network's namespace, unless it stands by the artifact's mount, then the mounts of the entries in
// their order.
struct Order {
    runtime::Kind kind = runtime::Kind::native;
    Start start = Start::fresh;
    std::uint32_t host_uid = 0;
    std::uint32_t memory_mib = 0;
    std::uint32_t tmp_mib = 0;
    std::uint32_t pids_max = 0;
    std::uint32_t channel_fd_count = 0;
    std::uint32_t entry_count = 0;
    std::uint32_t environment_bytes = 0;
    std::uint64_t file_bytes_max = 0;
    std::uint64_t address_space_bytes = 0;  // 0: not limited
    std::array<RootEntry, kRootEntriesMax> entries;
    char function[kNameBytesMax + 1] = {};
    char version_hex[kVersionBytesMax + 1] = {};
    char handler[kHandlerBytesMax + 1] = {};
    char server_name[kNameBytesMax + 1] = {};
    char environment[kEnvironmentBytesMax] = {};
    egress::Wiring egress;
};
static_assert(std::is_trivially_copyable_v<Order>);

inline constexpr std::size_t kChannelFdsMax =
    channel::kFirstDoneFd - channel::kChannelFd + channel::kMaxCores;
inline constexpr std::size_t kOrderFdsMax = 1 + kChannelFdsMax + 2 + 1 + 1 + kRootEntriesMax;

// The order of a plan, and the mounts that are made for it (the rest is borrowed from the plan).
// The errors are what is wrong with the plan, or with what it names.
struct Orders {
    Order order;
    std::vector<UniqueFd> mounts;  // the artifact's, unless it stands by, then the entries'
};
Result<Orders> order_of(const Plan& plan, bool memory_in_group);

// What /var/task is to be, not attached anywhere yet.
Result<UniqueFd> artifact_mount(const std::string& artifacts_dir, const std::string& artifact);

// The most that a process of the worker may map; 0: not limited.
std::uint64_t address_space_bytes(runtime::Kind kind, std::uint32_t memory_mib,
                                  std::uint64_t channel_bytes, bool memory_in_group);

// How many of the descriptors are for templates, copies and blanks.
constexpr std::size_t snapshot_fds(Start start) {
    if (start == Start::copy || start == Start::blank) return 2;
    return start == Start::template_of ? 1 : 0;
}

}  // namespace skerry::jail
