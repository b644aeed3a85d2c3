// What can be seen: the environment, /proc, the root, descriptors, mounts, rights.
#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/escape/function/attempt.hpp"

extern char** environ;

namespace skerry::escape {
namespace {

std::string listing(const char* folder) {
    std::vector<std::string> names;
    DIR* stream = ::opendir(folder);
    while (stream != nullptr) {
        const dirent* entry = ::readdir(stream);
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    if (stream != nullptr) ::closedir(stream);
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

void environment(Report& report, const Words&) {
    std::vector<std::string> names;
    for (char** each = environ; *each != nullptr; ++each) {
        const std::string text = *each;
        names.push_back(text.substr(0, text.find('=')));
    }
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    report.say("names", text);
}

void root_folder(Report& report, const Words&) {
    report.say("root", listing("/"));
    report.say("dev", listing("/dev"));
    report.say("tmp", listing("/tmp"));
}

// Only numbers of its own processes, and the links to itself.
void proc(Report& report, const Words&) {
    std::string others;
    std::istringstream names(listing("/proc"));
    for (std::string name; std::getline(names, name, ',');)
        if (name != std::to_string(::getpid())) others += (others.empty() ? "" : ",") + name;
    report.count("pid", ::getpid());
    report.count("parent", ::getppid());
    report.say("others", others);
}

void descriptors(Report& report, const Words&) {
    std::string text;
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) continue;
        char target[256] = "";
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        if (::readlink(path.c_str(), target, sizeof target - 1) < 0) continue;
        std::string kind = target;
        kind = kind.substr(0, kind.find_first_of(" ["));  // "/memfd:x (deleted)", "pipe:[4711]"
        text += (text.empty() ? "" : ",") + std::to_string(fd) + ":" + kind;
    }
    report.say("fds", text);
}

// Where each mount of it comes from: the third field is a path of the host.
void mounts(Report& report, const Words&) {
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string number, parent, device, root, place, options;
        fields >> number >> parent >> device >> root >> place >> options;
        report.say(place, root + " " + options);
    }
}

void rights(Report& report, const Words&) {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string key, value;
        fields >> key >> value;
        if (key.rfind("Cap", 0) == 0 || key == "NoNewPrivs:" || key == "Seccomp:" ||
            key == "Groups:" || key == "TracerPid:")
            report.say(key.substr(0, key.size() - 1), value);
    }
    report.count("uid", static_cast<long>(::getuid()));
    report.count("euid", static_cast<long>(::geteuid()));
    report.count("gid", static_cast<long>(::getgid()));
    report.count("session", ::getsid(0));
    report.tried("terminal", ::open("/dev/tty", O_RDWR));
}

constexpr Attempt kAttempts[] = {
    {"environment", environment}, {"root_folder", root_folder}, {"proc", proc},
    {"descriptors", descriptors}, {"mounts", mounts},           {"rights", rights},
};

}  // namespace

std::span<const Attempt> sight_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
