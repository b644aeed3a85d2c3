#include "control/logs/tails.hpp"

namespace skerry::logs {

void Tails::append(const RequestId& request, std::string_view line) {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = tails_.try_emplace(request);
    if (is_new) {
        oldest_first_.push_back(request);
        if (oldest_first_.size() > kMaxTails) {
            tails_.erase(oldest_first_.front());
            oldest_first_.pop_front();
        }
    }
    std::string& tail = at->second;
    tail += line;
    tail += '\n';
    // Not at every line: moving what is kept costs as much as the line itself.
    if (tail.size() > 4 * kTailBytes) tail.erase(0, tail.size() - kTailBytes);
}

std::optional<std::string> Tails::find(const RequestId& request) const {
    const std::lock_guard lock(mutex_);
    const auto found = tails_.find(request);
    if (found == tails_.end()) return std::nullopt;
    const std::string& tail = found->second;
    if (tail.size() <= kTailBytes) return tail;
    const std::size_t cut = tail.size() - kTailBytes;
    const auto line = tail.find('\n', cut - 1);
    return tail.substr(line + 1 < tail.size() ? line + 1 : cut);
}

}  // namespace skerry::logs
