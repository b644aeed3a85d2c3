#include "sandbox/cgroup/hierarchy.hpp"

#include <algorithm>
#include <vector>

#include "sandbox/cgroup/files.hpp"

namespace skerry::cgroup {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = text.find(separator);
        if (end != 0) parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return parts;
}

bool has(std::string_view list, char separator, std::string_view item) {
    const auto parts = split(list, separator);
    return std::find(parts.begin(), parts.end(), item) != parts.end();
}

// A place in mountinfo has "\040" for a space.
std::string unescape(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = [&](std::size_t at) {
            return at < text.size() && text[at] >= '0' && text[at] <= '7' ? text[at] - '0' : -1;
        };
        if (text[i] == '\\' && digit(i + 1) >= 0 && digit(i + 2) >= 0 && digit(i + 3) >= 0) {
            plain += static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

struct Mount {
    std::string root;  // which group of the hierarchy lies at `place`
    std::string place;
    bool unified = false;
    std::string controllers;  // "rw,memory"; v1
};

// "31 23 0:28 ROOT PLACE rw,relatime shared:1 - cgroup SOURCE rw,memory"
std::vector<Mount> mounts_of(std::string_view mountinfo) {
    std::vector<Mount> mounts;
    for (const std::string_view line : split(mountinfo, '\n')) {
        const auto fields = split(line, ' ');
        const auto dash = std::find(fields.begin(), fields.end(), "-");
        if (fields.size() < 6 || fields.end() - dash < 4) continue;
        if (dash[1] != "cgroup" && dash[1] != "cgroup2") continue;
        mounts.push_back(
            {unescape(fields[3]), unescape(fields[4]), dash[1] == "cgroup2", std::string(dash[3])});
    }
    return mounts;
}

// The path of this process's group: of `controller`, or of version 2 for an empty one. Lines are
// "4:cpu,cpuacct:/a/b" and "0::/a/b".
std::string own_group(std::string_view own_groups, std::string_view controller) {
    for (const std::string_view line : split(own_groups, '\n')) {
        const auto first = line.find(':');
        const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const bool wanted = controller.empty() ? line.substr(0, first) == "0" && controllers.empty()
                                               : has(controllers, ',', controller);
        if (wanted) return std::string(line.substr(second + 1));
    }
    return "";
}

// The folder of group `path` under a mount; the mount's own, when the group is not below it (a
// container that sees the hierarchy from its own group on).
std::string folder_of(const Mount& mount, const std::string& path) {
    const std::string root = mount.root == "/" ? "" : mount.root;
    if (path.rfind(root + "/", 0) != 0 || path.find("/..") != std::string::npos) return mount.place;
    const std::string below = path.substr(root.size());
    return below == "/" ? mount.place : mount.place + below;
}

std::string v1_folder(const std::vector<Mount>& mounts, std::string_view own_groups,
                      std::string_view controller) {
    for (const Mount& mount : mounts)
        if (!mount.unified && has(mount.controllers, ',', controller))
            return folder_of(mount, own_group(own_groups, controller));
    return "";
}

std::string unified_folder(const std::vector<Mount>& mounts, std::string_view own_groups) {
    for (const Mount& mount : mounts) {
        if (!mount.unified) continue;
        std::string folder = folder_of(mount, own_group(own_groups, ""));
        // This process has moved itself already: what it made is above.
        const std::string leaf = "/" + std::string(kServerLeaf);
        if (folder.ends_with(leaf)) folder.resize(folder.size() - leaf.size());
        return folder;
    }
    return "";
}

}  // namespace

Hierarchy discover(std::string_view mountinfo, std::string_view own_groups) {
    const auto mounts = mounts_of(mountinfo);
    Hierarchy found;
    found.unified = unified_folder(mounts, own_groups);
    if (!found.unified.empty()) {
        std::string controllers = read_file(found.unified + "/cgroup.controllers");
        std::replace(controllers.begin(), controllers.end(), '\n', ' ');
        if (has(controllers, ' ', "memory")) {
            found.version = Version::v2;
            found.has_memory = true;
            found.has_cpu = has(controllers, ' ', "cpu");
            found.has_pids = has(controllers, ' ', "pids");
            return found;
        }
    }
    found = Hierarchy{};
    found.memory = v1_folder(mounts, own_groups, "memory");
    found.cpu = v1_folder(mounts, own_groups, "cpu");
    found.cpuacct = v1_folder(mounts, own_groups, "cpuacct");
    found.pids = v1_folder(mounts, own_groups, "pids");
    found.has_memory = !found.memory.empty();
    found.has_cpu = !found.cpu.empty();
    found.has_pids = !found.pids.empty();
    if (found.has_memory || found.has_cpu || found.has_pids) found.version = Version::v1;
    return found;
}

Hierarchy discover() {
    return discover(read_file("/proc/self/mountinfo"), read_file("/proc/self/cgroup"));
}

std::string describe(const Hierarchy& hierarchy) {
    std::string there, missing;
    const auto add = [&](bool has_it, const char* name) {
        std::string& list = has_it ? there : missing;
        list += (list.empty() ? "" : ", ") + std::string(name);
    };
    add(hierarchy.has_memory, "memory");
    add(hierarchy.has_cpu, "cpu");
    add(hierarchy.has_pids, "pids");
    std::string text = hierarchy.version == Version::v2   ? "version 2: " + there
                       : hierarchy.version == Version::v1 ? "version 1: " + there
                                                          : "none";
    if (!missing.empty()) text += "; not enforced: " + missing;
    return text;
}

}  // namespace skerry::cgroup
