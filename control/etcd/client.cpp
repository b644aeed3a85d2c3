#include "control/etcd/client.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "sandbox/base/check.hpp"

namespace skerry::etcd {
namespace {

constexpr int kRounds = 4;
constexpr std::chrono::milliseconds kRoundPause{200};

// Another member may well do what this one could not.
bool is_this_members(const Error& error) {
    return error.code != ERANGE && error.code != ENOENT && error.code != EPERM &&
           error.code != ECANCELED;
}

}  // namespace

Client::Client(Settings settings) : settings_(std::move(settings)), http_(settings_.tls) {
    SKERRY_CHECK(!settings_.endpoints.empty());
}

std::vector<std::string> Client::headers() const {
    // A member that has lost the others ends its watches, instead of staying silent for ever.
    std::vector<std::string> all{"Grpc-Metadata-hasleader: true"};
    if (!token_.empty()) all.push_back("Authorization: " + token_);
    return all;
}

// One endpoint, once.
Result<std::string> Client::ask(const std::string& path, const std::string& body) {
    std::string text;
    bool too_large = false;
    const auto status =
        http_.post(settings_.endpoints[at_] + path, headers(), body, settings_.connect_ms,
                   settings_.call_ms, [&](int, std::string_view piece) {
                       too_large = text.size() + piece.size() > kMaxAnswerBytes;
                       if (!too_large) text += piece;
                       return !too_large;
                   });
    if (!status) {
        // A member waits with a token until it has heard of when that was made: in a cluster that
        // was set up anew, for very long.
        if (status.error().code == ETIMEDOUT) token_.clear();
        return status.error();
    }
    if (too_large) return Error{EBADMSG, "etcd's answer is too large"};
    if (*status != 200) return parse_refusal(*status, text);
    return text;
}

Status Client::authenticate() {
    token_.clear();
    if (settings_.user.empty()) return ok();
    const auto text =
        ask("/v3/auth/authenticate", render_authenticate(settings_.user, settings_.password));
    if (!text) return Error{text.error().code, "user " + settings_.user + ": " + text.error().text};
    auto token = parse_token(*text);
    if (!token) return token.error();
    token_ = std::move(*token);
    return ok();
}

// An election takes about a second: whoever was told that there is no leader asks again.
Result<std::string> Client::call(const std::string& path, const std::string& body) {
    for (int round = 1;; ++round) {
        auto text = ask_all(path, body);
        if (text || text.error().code != EAGAIN || round == kRounds) return text;
        std::this_thread::sleep_for(round * kRoundPause);
    }
}

Result<std::string> Client::ask_all(const std::string& path, const std::string& body) {
    Error last{EIO, "no endpoint"};
    for (std::size_t asked = 0; asked < settings_.endpoints.size(); ++asked, rotate()) {
        if (token_.empty() && !settings_.user.empty())
            if (const Status proved = authenticate(); !proved) {
                last = proved.error();
                if (last.code == ECANCELED) return last;
                continue;
            }
        auto text = ask(path, body);
        // A token is good for some minutes, and not at all after another change of users.
        if (!text && text.error().code == EACCES && authenticate()) text = ask(path, body);
        if (text || !is_this_members(text.error())) return text;
        last = text.error();
    }
    return last;
}

Result<RangeAnswer> Client::range(const RangeQuestion& question) {
    const auto text = call("/v3/kv/range", render(question));
    return text ? parse_range(*text) : text.error();
}

Result<TransactionAnswer> Client::commit(const Transaction& transaction) {
    const auto text = call("/v3/kv/txn", render(transaction));
    return text ? parse_transaction(*text) : text.error();
}

Result<Lease> Client::grant(std::uint32_t ttl_s) {
    const auto text = call("/v3/lease/grant", render_grant(ttl_s));
    return text ? parse_lease(*text) : text.error();
}

Result<Lease> Client::keep_alive(std::uint64_t id) {
    const auto text = call("/v3/lease/keepalive", render_lease(id));
    return text ? parse_lease(*text) : text.error();
}

Status Client::revoke(std::uint64_t id) {
    const auto text = call("/v3/lease/revoke", render_lease(id));
    return text ? ok() : Status(text.error());
}

Status Client::watch(const Keys& keys, std::uint64_t revision,
                     const std::function<bool(WatchAnswer&&)>& take) {
    if (token_.empty())
        if (const Status proved = authenticate(); !proved) return proved;
    std::string line;
    std::optional<Error> ended;
    bool enough = false;
    const auto finish_line = [&] {
        auto answer = parse_watch(line);
        line.clear();
        if (!answer) {
            ended = answer.error();
        } else if (answer->cancelled) {
            ended = answer->compact_revision != 0
                        ? Error{ERANGE, "etcd has compacted what was to be watched"}
                        : Error{EAGAIN, "etcd has ended the watch: " + answer->why};
        } else if (!take(std::move(*answer))) {
            enough = true;
        }
        return !ended && !enough;
    };
    const auto status =
        http_.post(settings_.endpoints[at_] + "/v3/watch", headers(), render_watch(keys, revision),
                   settings_.connect_ms, 0, [&](int http_status, std::string_view piece) {
                       while (!piece.empty()) {
                           const std::size_t end = std::min(piece.find('\n'), piece.size());
                           if (line.size() + end > kMaxAnswerBytes) {
                               ended = Error{EBADMSG, "a line of etcd's watch is too large"};
                               return false;
                           }
                           line += piece.substr(0, end);
                           const bool whole = end < piece.size();
                           piece.remove_prefix(std::min(end + 1, piece.size()));
                           // A refusal is read to its end.
                           if (whole && http_status == 200 && !line.empty() && !finish_line())
                               return false;
                       }
                       return true;
                   });
    if (enough) return ok();
    if (ended) return *ended;
    if (!status) return status.error();
    if (*status == 200) return Error{EAGAIN, "etcd has ended the watch"};
    const Error refusal = parse_refusal(*status, line);
    if (refusal.code == EACCES) token_.clear();
    return refusal;
}

}  // namespace skerry::etcd
