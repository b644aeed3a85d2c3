#include "control/logs/tails.hpp"

namespace skerry::logs {

void Tails::append(std::uint64_t worker, const RequestId& request, std::string_view line) {
    const std::lock_guard lock(mutex_);
    const Key key{worker, request};
    const auto [at, is_new] = tails_.try_emplace(key);
    if (is_new) {
        oldest_first_.push_back(key);
        if (oldest_first_.size() > kMaxTails) {
            tails_.erase(oldest_first_.front());
            oldest_first_.pop_front();
        }
    }
    std::string& tail = at->second;
    tail += line;
    tail += '\n';
    // Not at every line: moving what is kept costs as much as the line itself.
    if (tail.size() > std::size_t{4} * kTailBytes) tail.erase(0, tail.size() - kTailBytes);
}

std::string Tails::last(const std::string& tail, std::size_t room) {
    if (tail.size() <= room) return tail;
    const std::size_t cut = tail.size() - room;
    const auto line = tail.find('\n', cut - 1);
    return tail.substr(line + 1 < tail.size() ? line + 1 : cut);
}

std::optional<std::string> Tails::find(std::uint64_t worker, const RequestId& request,
                                       std::size_t room) const {
    const std::lock_guard lock(mutex_);
    const auto found = tails_.find({worker, request});
    if (found == tails_.end()) return std::nullopt;
    return last(found->second, room);
}

std::optional<std::string> Tails::take(std::uint64_t worker, const RequestId& request,
                                       std::size_t room) {
    const std::lock_guard lock(mutex_);
    const auto found = tails_.find({worker, request});
    if (found == tails_.end()) return std::nullopt;
    std::string tail = last(found->second, room);
    std::erase(oldest_first_, found->first);
    tails_.erase(found);
    return tail;
}

}  // namespace skerry::logs
