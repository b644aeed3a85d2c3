// Any bytes as the query of a deploy or alias call: refused with 400, or a request that is valid;
// a deploy comes back the same from its own rendering.
#include <cstdint>
#include <string_view>

#include "control/admin/query.hpp"
#include "sandbox/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace skerry;
    if (size == 0) return 0;
    const admin::Api api = (data[0] & 1) != 0 ? admin::Api::management : admin::Api::admin;
    const std::string_view query(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto alias = admin::parse_alias(query, (data[0] & 2) != 0);
    if (alias.ok) {
        SKERRY_CHECK(static_cast<bool>(catalog::validate_alias(alias.value.alias)));
    } else {
        SKERRY_CHECK(alias.error.http_status == 400 && !alias.error.code.empty());
    }
    (void)admin::parse_logs(query);
    const auto parsed = admin::parse_deploy("f", query, api);
    if (!parsed.ok) {
        SKERRY_CHECK(parsed.error.http_status == 400 && !parsed.error.code.empty());
        return 0;
    }
    SKERRY_CHECK(static_cast<bool>(catalog::validate(parsed.value.limits)));
    SKERRY_CHECK(static_cast<bool>(catalog::validate(parsed.value.runtime)));
    admin::DeployRequest request = parsed.value;
    if (request.digest.empty()) request.digest = std::string(64, '0');
    const auto again =
        admin::parse_deploy("f", admin::render_deploy(request), admin::Api::management);
    SKERRY_CHECK(again.ok);
    SKERRY_CHECK(again.value.limits == request.limits && again.value.policy == request.policy);
    SKERRY_CHECK(again.value.digest == request.digest);
    SKERRY_CHECK(again.value.runtime == request.runtime);
    SKERRY_CHECK(again.value.signature == request.signature);
    return 0;
}
