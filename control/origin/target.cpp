#include "control/origin/target.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace skerry::origin {
namespace {

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
    std::string copy = text;
    curl_free(text);
    return copy;
}

// Empty: it is none.
std::string parsed_origin(const std::string& text) {
    const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
    if (!url ||
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
        return {};
    const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
    std::string host = part_of(url.get(), CURLUPART_HOST);
    if ((scheme != "http" && scheme != "https") || host.empty()) return {};
    for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    // An escape in a URL's host may stand for anything.
    if (host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.:[]") != std::string::npos)
        return {};
    return scheme + "://" + host + ":" + part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

// The same, for texts whose host has only one meaning. "%384" is parsed as the name "84", which as
// a name in a URL is the address 0.0.0.84: what is compared must be what is connected to.
std::string origin_of(const std::string& text) {
    std::string origin = parsed_origin(text);
    if (origin.empty() || parsed_origin(origin) != origin) return {};
    return origin;
}

}  // namespace

Result<Target> make_target(const std::string& url, const std::vector<std::string>& origins) {
    const bool printable =
        std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
    Target target{.url = url, .origin = {}};
    if (url.size() <= kMaxUrlBytes && printable) target.origin = origin_of(url);
    if (target.origin.empty())
        return Error{EINVAL, "needed is an http or https URL of at most " +
                                 std::to_string(kMaxUrlBytes) +
                                 " bytes, without a user and a password"};
    target.https = target.origin.starts_with("https:");
    if (origins.empty()) return target;
    target.any_address = std::any_of(origins.begin(), origins.end(), [&](const std::string& each) {
        return origin_of(each) == target.origin;
    });
    if (target.any_address) return target;
    return Error{EACCES, target.origin + " is none of artifacts.origins"};
}

}  // namespace skerry::origin
