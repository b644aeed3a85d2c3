#include "control/origin/fetch.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "control/origin/address.hpp"
#include "control/origin/target.hpp"
#include "control/signing/signature.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::origin {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kMaxRedirects = 5;
constexpr std::uint32_t kMaxTries = 5;
constexpr milliseconds kLongestPause{8000}, kLook{50};
constexpr long kConnect_ms = 5000;
constexpr long kSlowestBytesPerSecond = 1024, kSlow_s = 15;

struct Failure {
    Error error;
    bool again = false;  // another try may do better
};

// One fetch, over all its tries.
struct Fetch {
    const Settings& settings;
    Progress& progress;
    Clock::time_point deadline;
    CURL* easy = nullptr;
    std::string body{};
    bool resumed = false;  // body is of several answers
    bool judged = false;   // the answer under way: whether it is one to read
    bool wanted = false;
    bool too_large = false;
    bool any_address = false;  // of the hop under way
    bool refused = false;      // an address was not public
};

long status_of(CURL* easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

// The first piece of an answer decides what the rest is: all, what was missing, or nothing of use.
void judge_answer(Fetch& f) {
    f.judged = true;
    const long status = status_of(f.easy);
    if (status == 206 && !f.body.empty()) {
        curl_header* range = nullptr;
        const std::string begin = "bytes " + std::to_string(f.body.size()) + "-";
        f.wanted =
            curl_easy_header(f.easy, "Content-Range", 0, CURLH_HEADER, -1, &range) == CURLHE_OK &&
            std::string_view(range->value).starts_with(begin);
        if (f.wanted)
            f.resumed = true;
        else
            f.body.clear();
    } else if (status == 200) {
        f.wanted = true;
        f.body.clear();
        f.resumed = false;
    }
    curl_off_t length = -1;
    curl_easy_getinfo(f.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (f.wanted && length > 0)
        f.progress.bytes = f.body.size() + static_cast<std::uint64_t>(length);
}

std::size_t receive(char* data, std::size_t size, std::size_t count, void* opaque) {
    Fetch& f = *static_cast<Fetch*>(opaque);
    if (!f.judged) judge_answer(f);
    const std::size_t length = size * count;
    if (!f.wanted) return length + 1;  // "an error", for curl to stop
    if (f.body.size() + length > f.settings.most_bytes) {
        f.too_large = true;
        return length + 1;
    }
    f.body.append(data, length);
    f.progress.received = f.body.size();
    return length;
}

int look(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Fetch*>(opaque)->progress.cancelled ? 1 : 0;
}

curl_socket_t open_socket(void* opaque, curlsocktype, curl_sockaddr* to) {
    Fetch& f = *static_cast<Fetch*>(opaque);
    if (!f.any_address && !is_public(&to->addr, to->addrlen)) {
        f.refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

void prepare(Fetch& f, const Target& target, milliseconds left) {
    CURL* easy = f.easy;
    curl_easy_reset(easy);
    f.any_address = target.any_address;
    f.judged = f.wanted = f.refused = f.too_large = false;
    curl_easy_setopt(easy, CURLOPT_URL, target.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "skerryd");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, kSlowestBytesPerSecond);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, kSlow_s);
    // A connection that was judged for one origin is not used for another.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &f);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &look);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &f);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &f);
    if (!f.settings.tls_ca.empty())
        curl_easy_setopt(easy, CURLOPT_CAINFO, f.settings.tls_ca.c_str());
    if (!f.body.empty())
        curl_easy_setopt(easy, CURLOPT_RANGE, (std::to_string(f.body.size()) + "-").c_str());
}

bool is_transient(CURLcode result) {
    switch (result) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
        case CURLE_OUT_OF_MEMORY:
            return false;
        default:
            return true;
    }
}

Failure failure_of(Fetch& f, const Target& target, CURLcode result, const char* why) {
    const std::string where = shown(target.url) + ": ";
    if (f.progress.cancelled) return {{ECANCELED, where + "given up: this server is stopping"}};
    if (f.refused)
        return {{EACCES, where + "its address is not public; an origin inside a network has to be "
                                 "in artifacts.origins"}};
    if (f.too_large)
        return {{EFBIG, where + "more than " + std::to_string(f.settings.most_bytes) + " bytes"}};
    if (result == CURLE_OPERATION_TIMEDOUT && Clock::now() + kLook >= f.deadline)
        return {{ETIMEDOUT, where + "not all of it came within artifacts.fetch_timeout_s"}};
    return {{EIO, where + (why[0] != '\0' ? why : curl_easy_strerror(result))},
            is_transient(result)};
}

Failure failure_of(Fetch& f, const Target& target, long status) {
    const bool busy = status == 408 || status == 429 || status >= 500;
    // 416: what is there is no part of what it has now. 206: another part than was asked for.
    const bool other_part = status == 416 || status == 206;
    if (other_part) f.body.clear();
    const int code = status == 404 || status == 410 ? ENOENT : EIO;
    return {{code, shown(target.url) + ": it answered with HTTP status " + std::to_string(status)},
            busy || other_part};
}

// Follows redirects to the end of one answer. None: the body is whole, whatever it is.
std::optional<Failure> try_once(Fetch& f, const std::string& url) {
    std::string next = url;
    bool https = false;
    for (int hop = 0; hop <= kMaxRedirects; ++hop) {
        auto target = make_target(next, f.settings.origins);
        if (!target)
            return Failure{{target.error().code, shown(next) + ": " + target.error().text}};
        if (https && !target->https)
            return Failure{{EACCES, shown(next) + ": https redirects to http"}};
        https = target->https;
        const auto left = std::chrono::duration_cast<milliseconds>(f.deadline - Clock::now());
        if (left.count() <= 0)
            return Failure{{ETIMEDOUT, shown(next) + ": not all of it came within "
                                                     "artifacts.fetch_timeout_s"}};
        char why[CURL_ERROR_SIZE] = "";
        prepare(f, *target, left);
        curl_easy_setopt(f.easy, CURLOPT_ERRORBUFFER, why);
        const CURLcode result = curl_easy_perform(f.easy);
        const long status = status_of(f.easy);
        const bool stopped = result == CURLE_WRITE_ERROR && f.judged && !f.wanted;
        if (result != CURLE_OK && !stopped) return failure_of(f, *target, result, why);
        char* redirect = nullptr;
        curl_easy_getinfo(f.easy, CURLINFO_REDIRECT_URL, &redirect);
        if (redirect != nullptr) {
            next = redirect;
            continue;
        }
        if (f.wanted) return std::nullopt;
        if (status == 200) return Failure{{EBADMSG, shown(next) + ": its answer is empty"}};
        return failure_of(f, *target, status);
    }
    return Failure{
        {ELOOP, shown(url) + ": more than " + std::to_string(kMaxRedirects) + " redirects"}};
}

bool pause(const Fetch& f, milliseconds time) {
    const auto until = std::min(Clock::now() + time, f.deadline);
    while (Clock::now() < until && !f.progress.cancelled) std::this_thread::sleep_for(kLook);
    return !f.progress.cancelled && Clock::now() < f.deadline;
}

}  // namespace

std::string shown(const std::string& url) {
    std::string text;
    for (const char c : url.substr(0, std::min<std::size_t>(url.find_first_of("?#"), 200)))
        text += c > ' ' && c < 0x7f ? c : '?';
    const auto host = text.find("://"), at = text.rfind('@');
    if (host != std::string::npos && at != std::string::npos && at > host)
        text.erase(host + 3, at - host - 2);
    return text;
}

Result<std::string> fetch(const Settings& settings, const std::string& url,
                          const std::string& digest, Progress& progress) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    SKERRY_CHECK(ready == CURLE_OK);
    const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
    SKERRY_CHECK(easy != nullptr);
    Fetch f{
        .settings = settings, .progress = progress, .deadline = Clock::now() + settings.timeout};
    f.easy = easy.get();
    milliseconds next_pause = settings.first_pause;
    for (std::uint32_t tries = 1;; ++tries) {
        progress.tries = tries;
        std::optional<Failure> failed = try_once(f, url);
        if (!failed) {
            const std::string found = signing::sha256_text(f.body);
            if (found == digest) return std::move(f.body);
            // Halves of two different files: from the beginning, once more.
            failed = Failure{{EBADMSG, shown(url) + ": what it sent hashes to " + found +
                                           ", needed was " + digest},
                             f.resumed};
            f.body.clear();
        }
        if (!failed->again || tries == kMaxTries || !pause(f, next_pause)) {
            if (failed->again && progress.cancelled)
                return Error{ECANCELED, shown(url) + ": given up: this server is stopping"};
            if (failed->again && tries > 1)
                failed->error.text += " (after " + std::to_string(tries) + " tries)";
            return failed->error;
        }
        next_pause = std::min(2 * next_pause, kLongestPause);
    }
}

}  // namespace skerry::origin
