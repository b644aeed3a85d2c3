#include "control/catalog/sweep.hpp"

#include <filesystem>

#include "control/catalog/catalog.hpp"

namespace skerry::catalog {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kVersionDigits = 12;
constexpr char kLogEnding[] = ".log";

bool is_log_name(const std::string& name) {
    const std::size_t tail = 1 + kVersionDigits + sizeof kLogEnding - 1;
    if (name.size() <= tail) return false;
    const std::size_t dash = name.size() - tail;
    return name[dash] == '-' && validate_name(name.substr(0, dash)) &&
           name.find_first_not_of("0123456789abcdef", dash + 1) == dash + 1 + kVersionDigits &&
           name.substr(dash + 1 + kVersionDigits) == kLogEnding;
}

}  // namespace

std::string log_name(const std::string& function, const std::string& digest) {
    return function + "-" + digest.substr(0, kVersionDigits) + kLogEnding;
}

std::size_t sweep_artifacts(const ArtifactStore& store, const std::set<std::string>& keep) {
    std::size_t removed = 0;
    for (const std::string& digest : store.list())
        if (keep.count(digest) == 0 && store.erase(digest)) ++removed;
    return removed;
}

std::size_t sweep_logs(const std::string& folder, const std::set<std::string>& keep) {
    std::size_t removed = 0;
    std::error_code error, failed;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (is_log_name(name) && keep.count(name) == 0 && fs::remove(entry->path(), failed))
            ++removed;
    }
    return removed;
}

}  // namespace skerry::catalog
