#include "control/etcd/http.hpp"

#include <curl/curl.h>

#include "sandbox/base/check.hpp"

namespace skerry::etcd {
namespace {

constexpr int kLook_ms = 1000;

struct Receiver {
    CURL* easy;
    const Http::Sink* sink;
    bool enough = false;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* opaque) {
    auto& to = *static_cast<Receiver*>(opaque);
    long status = 0;
    curl_easy_getinfo(to.easy, CURLINFO_RESPONSE_CODE, &status);
    const std::size_t length = size * count;
    if ((*to.sink)(static_cast<int>(status), {data, length})) return length;
    to.enough = true;
    return length + 1;  // "an error", for curl to stop
}

int code_of(CURLcode result) {
    switch (result) {
        case CURLE_OPERATION_TIMEDOUT:
            return ETIMEDOUT;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
            return ECONNREFUSED;
        default:
            return EIO;
    }
}

}  // namespace

struct Http::Handles {
    CURL* easy = curl_easy_init();
    CURLM* multi = curl_multi_init();
    Handles() { SKERRY_CHECK(easy != nullptr && multi != nullptr); }
    ~Handles() {
        curl_easy_cleanup(easy);
        curl_multi_cleanup(multi);
    }
    Handles(const Handles&) = delete;
    Handles& operator=(const Handles&) = delete;
};

Http::Http(Tls tls) : tls_(std::move(tls)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    SKERRY_CHECK(ready == CURLE_OK);
    handles_ = std::make_unique<Handles>();
}

Http::~Http() = default;

void Http::cancel() {
    cancelled_ = true;
    curl_multi_wakeup(handles_->multi);
}

Result<int> Http::post(const std::string& url, const std::vector<std::string>& headers,
                       const std::string& body, std::uint32_t connect_ms, std::uint32_t timeout_ms,
                       const Sink& sink) {
    CURL* easy = handles_->easy;
    CURLM* multi = handles_->multi;
    Receiver receiver{easy, &sink};
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_reset(easy);  // keeps its connections
    curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
    for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> freed(list, curl_slist_free_all);
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_ms));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 5L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!tls_.ca.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls_.ca.c_str());
    if (!tls_.cert.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls_.cert.c_str());
    if (!tls_.key.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls_.key.c_str());

    curl_multi_add_handle(multi, easy);
    int running = 1;
    while (running != 0 && !cancelled_) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) break;
        if (running != 0) curl_multi_poll(multi, nullptr, 0, kLook_ms, nullptr);
    }
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left))
        if (message->msg == CURLMSG_DONE) result = message->data.result;
    curl_multi_remove_handle(multi, easy);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK || receiver.enough) return static_cast<int>(status);
    if (cancelled_) return Error{ECANCELED, url + ": given up"};
    return Error{code_of(result), url + ": " + (why[0] != '\0' ? why : curl_easy_strerror(result))};
}

}  // namespace skerry::etcd
