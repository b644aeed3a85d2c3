// Whose groups are whose, and removing those of the dead.
#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "sandbox/cgroup/backend.hpp"
#include "sandbox/cgroup/files.hpp"
#include "sandbox/cgroup/groups.hpp"

namespace skerry::cgroup {
namespace {

constexpr std::string_view kPrefix = "skerry-";

// The words of /proc/PID/stat behind the program's name, which may have anything in it.
std::string word_behind_name(const std::string& stat, int index) {
    auto at = stat.rfind(')');
    if (at == std::string::npos) return "";
    ++at;
    for (int i = 0; i < index; ++i) {
        at = stat.find(' ', at + 1);
        if (at == std::string::npos) return "";
    }
    const auto end = stat.find_first_of(" \n", at + 1);
    return stat.substr(at + 1, end == std::string::npos ? end : end - at - 1);
}

constexpr int kStartTimeWord = 19;  // the 22nd of all, of which two are in front

// "skerry-12-345-6" is the sixth owner's that process 12 made, which was started at 345. Empty: not
// an owner's name.
std::string pid_of(const std::string& name) {
    if (!name.starts_with(kPrefix)) return "";
    const std::string numbers = name.substr(kPrefix.size());
    if (numbers.find_first_not_of("0123456789-") != std::string::npos) return "";
    if (std::count(numbers.begin(), numbers.end(), '-') != 2) return "";
    return numbers.substr(0, numbers.find('-'));
}

// The part of an owner's name that tells the process; empty: there is none of this number.
std::string process_part(const std::string& pid) {
    const std::string stat = read_file("/proc/" + pid + "/stat");
    const std::string start = word_behind_name(stat, kStartTimeWord);
    const std::string number = stat.substr(0, std::min(stat.find(' '), stat.size()));
    if (start.empty() || number.empty()) return "";
    return std::string(kPrefix) + number + "-" + start + "-";
}

bool is_alive(const std::string& owner) {
    const std::string process = process_part(pid_of(owner));
    return !process.empty() && owner.starts_with(process);
}

}  // namespace

std::string new_owner_name() {
    static std::atomic<unsigned> made{0};
    return process_part("self") + std::to_string(++made);
}

namespace {

void remove_owner(const Hierarchy& hierarchy, const std::string& owner) {
    const auto backend = make_backend(hierarchy);
    if (!backend || owner.empty()) return;
    for (const std::string& folder : backend->folders(owner)) {
        for (const std::string& name : folders_in(folder)) (void)remove_folder(folder + "/" + name);
        (void)remove_folder(folder);
    }
}

}  // namespace

std::size_t sweep(const Hierarchy& hierarchy) {
    const auto backend = make_backend(hierarchy);
    if (!backend) return 0;
    std::vector<std::string> dead;
    for (const std::string& parent : backend->folders(""))
        for (const std::string& name : folders_in(parent)) {
            if (pid_of(name).empty() || is_alive(name)) continue;
            if (std::find(dead.begin(), dead.end(), name) == dead.end()) dead.push_back(name);
        }
    for (const std::string& name : dead) remove_owner(hierarchy, name);
    return dead.size();
}

}  // namespace skerry::cgroup
