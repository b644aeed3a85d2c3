// The warden's part of a worker's root: what of the host and of the runtime's image is mounted
// there. The mounts are made here and attached by the child, whose own view of the host's mounts
// may be older, or none at all.
#include "sandbox/jail/order.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "sandbox/jail/mounts.hpp"

namespace skerry::jail {
namespace {

Error bad(const std::string& what) {
    return Error{EINVAL, "start a worker: " + what};
}

// What a root takes from an image, where it has it: folders are mounted, links (merged /usr) are
// made again. /var/runtime has our bootstraps.
constexpr const char* kImageNames[] = {"usr",   "bin", "sbin",        "lib", "lib32",
                                       "lib64", "etc", "var/runtime", "opt"};
// Without an image: what the loader needs, and nothing else of the host.
constexpr const char* kHostNames[] = {"usr/lib", "usr/lib64", "lib", "lib64"};
static_assert(std::size(kImageNames) <= kRootEntriesMax);

template <std::size_t N>
bool put(char (&field)[N], const std::string& text) {
    if (text.size() >= N || text.find('\0') != std::string::npos) return false;
    std::memcpy(field, text.c_str(), text.size() + 1);
    return true;
}

UniqueFd open_folder(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Status add_entry(int base_fd, const char* name, Orders& orders) {
    struct stat found;
    if (::fstatat(base_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return ok();
        return errno_error(std::string("start a worker: look at the image's ") + name);
    }
    RootEntry& entry = orders.order.entries[orders.order.entry_count];
    if (!put(entry.name, name)) return bad("a name of the image is too long");
    if (S_ISLNK(found.st_mode)) {
        const ssize_t length = ::readlinkat(base_fd, name, entry.target, sizeof entry.target - 1);
        if (length <= 0) return errno_error(std::string("start a worker: read the link ") + name);
        if (length == sizeof entry.target - 1)
            return bad(std::string("the image's link ") + name + " is too long");
        entry.target[length] = '\0';
    } else if (S_ISDIR(found.st_mode)) {
        UniqueFd tree = copy_tree(base_fd, name, kReadOnlyTree);
        if (!tree) return errno_error(std::string("start a worker: bind the image's ") + name);
        orders.mounts.push_back(std::move(tree));
    } else {
        return bad(std::string("the image's ") + name + " is neither a folder nor a link");
    }
    ++orders.order.entry_count;
    return ok();
}

Status add_image(const Plan& plan, Orders& orders) {
    const bool own = !plan.image_dir.empty();
    const UniqueFd base = open_folder(own ? plan.image_dir : "/");
    if (!base)
        return errno_error("start a worker: open the runtime image " + plan.image_dir +
                           " (make it with tools/runtime-images)");
    if (own) {
        for (const char* name : kImageNames)
            if (auto status = add_entry(base.get(), name, orders); !status) return status;
    } else {
        for (const char* name : kHostNames)
            if (auto status = add_entry(base.get(), name, orders); !status) return status;
    }
    return ok();
}

bool is_absolute(const std::string& path) {
    return !path.empty() && path[0] == '/';
}
// One step from a folder that the operator chose: no name in an order leads anywhere else.
bool is_one_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\0') == std::string::npos;
}

Status check(const Plan& plan) {
    const bool api = runtime::speaks_runtime_api(plan.kind);
    if (stands_by(plan.start) ? !plan.artifact.empty() : !is_absolute(plan.artifacts_dir))
        return bad("the artifact must be a folder of an absolute path, or there be none");
    if ((plan.start == Start::standby && !runtime::can_stand_by(plan.kind)) ||
        (plan.start == Start::blank && !runtime::can_be_copied(plan.kind)))
        return bad("workers of its kind can't stand by so");
    if (plan.image_dir.empty() ? api : !is_absolute(plan.image_dir))
        return bad("the runtime image must be an absolute path");
    if (plan.host_uid == 0 || plan.host_uid == ~0u) return bad("the user must not be root");
    if (plan.memory_mib == 0 || plan.tmp_mib == 0 || plan.pids_max == 0)
        return bad("memory_mib, tmp_mib and pids_max must be at least 1");
    if (plan.log_fd < 0) return bad("there is no log");
    if ((api && !plan.channel_fds.empty()) || plan.channel_fds.size() > kChannelFdsMax ||
        std::any_of(plan.channel_fds.begin(), plan.channel_fds.end(),
                    [](int fd) { return fd < 0; }))
        return bad("the channel's descriptors are not what a worker gets");
    if ((plan.start == Start::template_of || plan.start == Start::copy) && plan.snapshot_fd < 0)
        return bad("there is no snapshot");
    if (snapshot_fds(plan.start) > 1 && plan.restorer_fd < 0) return bad("there is no restorer");
    if (plan.egress.used && plan.egress_fd < 0) return bad("there is no egress namespace");
    if (plan.environment.size() > kEnvironmentBytesMax ||
        (!plan.environment.empty() && plan.environment.back() != '\0'))
        return bad("the environment is too long, or has no end");
    return ok();
}

}  // namespace

// A native function is told by malloc() that its memory is used up, and may live on. Interpreters
// reserve far more address space than they use (Node.js so much that there can't be a limit).
std::uint64_t address_space_bytes(runtime::Kind kind, std::uint32_t memory_mib,
                                  std::uint64_t channel_bytes, bool memory_in_group) {
    if (kind == runtime::Kind::nodejs) return 0;
    if (kind != runtime::Kind::native && memory_in_group) return 0;
    return (std::uint64_t{memory_mib} << 20) + channel_bytes;
}

Result<UniqueFd> artifact_mount(const std::string& artifacts_dir, const std::string& artifact) {
    const std::string doing =
        "start a worker: bind the artifact at /var/task (" + artifacts_dir + "/" + artifact + ")";
    if (!is_absolute(artifacts_dir) || !is_one_name(artifact))
        return bad("the artifact must be a folder of an absolute path");
    const UniqueFd base = open_folder(artifacts_dir);
    if (!base) return errno_error(doing);
    UniqueFd tree = copy_tree(base.get(), artifact.c_str(), kReadOnlyTree);
    if (!tree) return errno_error(doing);
    struct stat found;
    if (::fstat(tree.get(), &found) != 0) return errno_error(doing);
    if (!S_ISDIR(found.st_mode)) return errno_error(doing, ENOTDIR);
    return tree;
}

Result<Orders> order_of(const Plan& plan, bool memory_in_group) {
    if (auto status = check(plan); !status) return status.error();
    Orders orders;
    Order& order = orders.order;
    order.kind = plan.kind;
    order.start = plan.start;
    order.host_uid = plan.host_uid;
    order.memory_mib = plan.memory_mib;
    order.tmp_mib = plan.tmp_mib;
    order.pids_max = plan.pids_max;
    order.channel_fd_count = static_cast<std::uint32_t>(plan.channel_fds.size());
    order.file_bytes_max = plan.file_bytes_max;
    order.address_space_bytes =
        address_space_bytes(plan.kind, plan.memory_mib, plan.channel_bytes, memory_in_group);
    order.egress = plan.egress;
    if (!put(order.function, plan.function) || !put(order.version_hex, plan.version_hex) ||
        !put(order.handler, plan.handler) || !put(order.server_name, plan.server_name))
        return bad("a text of the plan is too long");
    order.environment_bytes = static_cast<std::uint32_t>(plan.environment.size());
    std::memcpy(order.environment, plan.environment.data(), plan.environment.size());
    if (!stands_by(plan.start)) {
        auto artifact = artifact_mount(plan.artifacts_dir, plan.artifact);
        if (!artifact) return artifact.error();
        orders.mounts.push_back(std::move(*artifact));
    }
    if (auto status = add_image(plan, orders); !status) return status.error();
    return orders;
}

}  // namespace skerry::jail
