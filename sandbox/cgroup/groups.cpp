#include "sandbox/cgroup/groups.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "sandbox/cgroup/backend.hpp"
#include "sandbox/cgroup/files.hpp"

namespace skerry::cgroup {

std::unique_ptr<Backend> make_backend(const Hierarchy& hierarchy) {
    if (hierarchy.version == Version::v2) return make_v2(hierarchy);
    if (hierarchy.version == Version::v1) return make_v1(hierarchy);
    return nullptr;
}

int write_if_there(const std::string& path, const std::string& text) {
    const int error = write_file(path, text);
    return error == ENOENT || error == EOPNOTSUPP ? 0 : error;
}

bool kill_each(const std::string& folder) {
    bool any = false;
    const std::string pids = read_file(folder + "/cgroup.procs");
    for (std::size_t at = 0; at < pids.size();) {
        const auto end = std::min(pids.find('\n', at), pids.size());
        const int pid = std::atoi(pids.substr(at, end - at).c_str());
        // 0: of another PID namespace, out of our reach.
        if (pid > 1) {
            any = true;
            ::kill(pid, SIGKILL);
        }
        at = end + 1;
    }
    return any;
}

Groups::Groups() = default;
Groups::Groups(Groups&&) noexcept = default;
Groups& Groups::operator=(Groups&&) noexcept = default;
Groups::~Groups() = default;

Result<Groups> Groups::create(const Hierarchy& hierarchy, const std::string& owner) {
    Groups groups;
    groups.hierarchy_ = hierarchy;
    groups.owner_ = owner;
    groups.backend_ = make_backend(hierarchy);
    if (!groups.backend_) return groups;
    if (const int error = groups.backend_->make_owner(owner); error != 0)
        return errno_error("make a control group below " + groups.backend_->folders("").front() +
                               " (root? systemd: Delegate=yes; or workers.cgroups = \"off\")",
                           error);
    return groups;
}

Status try_groups(const Hierarchy& hierarchy) {
    const auto backend = make_backend(hierarchy);
    if (!backend) return ok();
    for (const std::string& folder : backend->folders(new_owner_name())) {
        int error = make_folder(folder);
        if (error == 0) error = remove_folder(folder);
        if (error != 0) return errno_error("make " + folder, error);
    }
    return ok();
}

int Groups::join(const std::string& name) const {
    if (!active()) return 0;
    for (const std::string& folder : backend_->folders(owner_ + "/" + name)) {
        if (const int error = make_folder(folder); error != 0) return error;
        // "0" is the process that writes, whatever its number is in which namespace.
        if (const int error = write_file(folder + "/cgroup.procs", "0"); error != 0) return error;
    }
    return 0;
}

Status Groups::set(const std::string& name, const Limits& limits) const {
    if (!active()) return ok();
    const int error = backend_->set(owner_ + "/" + name, limits);
    return error == 0 ? ok() : errno_error("start a worker: set the limits of its group", error);
}

Usage Groups::usage(const std::string& name) const {
    return active() ? backend_->usage(owner_ + "/" + name) : Usage{};
}

bool Groups::lost_a_process(const std::string& name) const {
    return active() && backend_->lost_a_process(owner_ + "/" + name);
}

Groups::CpuFile Groups::cpu_file(const std::string& name) const {
    return active() ? backend_->cpu_file(owner_ + "/" + name) : CpuFile{};
}

void Groups::kill(const std::string& name) const {
    if (active()) backend_->kill(owner_ + "/" + name);
}

bool Groups::remove(const std::string& name) const {
    if (!active()) return true;
    bool all = true;
    for (const std::string& folder : backend_->folders(owner_ + "/" + name))
        all &= remove_folder(folder) == 0;
    return all;
}

bool Groups::remove_all() const {
    if (!active()) return true;
    bool all = true;
    for (const std::string& folder : backend_->folders(owner_)) {
        for (const std::string& name : folders_in(folder))
            all &= remove_folder(folder + "/" + name) == 0;
        all &= remove_folder(folder) == 0;
    }
    return all;
}

}  // namespace skerry::cgroup
