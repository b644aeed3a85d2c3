#include "control/lambda_api/fault.hpp"

#include <algorithm>

namespace skerry::lambda_api {
namespace {

bool is_type(const std::string& code) {
    constexpr std::string_view kEnd = "Exception";
    return code.size() > kEnd.size() &&
           code.compare(code.size() - kEnd.size(), kEnd.size(), kEnd) == 0;
}

struct Known {
    std::string_view code;
    int status;
    const char* type;
};
// The codes of control/controller; others are this server's own trouble.
constexpr Known kKnown[] = {
    {"busy", 409, "ResourceConflictException"},
    {"no-such-function", 404, "ResourceNotFoundException"},
    {"too-many-functions", 400, "CodeStorageExceededException"},
    {"catalog", 400, "CodeStorageExceededException"},
    {"bad-artifact", 400, "InvalidZipFileException"},
    {"bad-name", 400, "InvalidParameterValueException"},
    {"bad-limits", 400, "InvalidParameterValueException"},
    {"bad-runtime", 400, "InvalidParameterValueException"},
    {"no-runtime", 400, "InvalidParameterValueException"},
    {"no-egress", 400, "InvalidParameterValueException"},
    {"no-tenant", 400, "InvalidParameterValueException"},
    {"start-failed", 400, "InvalidParameterValueException"},
    {"unsigned", 400, "CodeVerificationFailedException"},
    {"untrusted-key", 400, "CodeVerificationFailedException"},
    {"bad-signature", 400, "InvalidCodeSignatureException"},
    {"stopping", 503, "ServiceException"},
};

}  // namespace

bool has_capital_message(const std::string& type) {
    return type == "ResourceNotFoundException" || type == "ServiceException" ||
           type == "InvalidZipFileException" || type == "CodeVerificationFailedException" ||
           type == "InvalidCodeSignatureException";
}

Fault bad_value(const std::string& message) {
    return {400, "InvalidParameterValueException", message};
}

Fault bad_field(const std::string& key, const std::string& what) {
    return bad_value(key + ": " + what);
}

Fault not_found(const std::string& arn) {
    return {404, "ResourceNotFoundException", "Function not found: " + arn};
}

Fault conflict(const std::string& message) {
    return {409, "ResourceConflictException", message};
}

Fault bad_revision() {
    return {412, "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Get the function or "
            "alias to retrieve the latest RevisionId"};
}

Fault fault_of(const admin::ApiError& error) {
    if (is_type(error.code)) return {error.http_status, error.code, error.message};
    for (const Known& known : kKnown)
        if (known.code == error.code) return {known.status, known.type, error.message};
    return {500, "ServiceException", error.code + ": " + error.message};
}

admin::ApiError error_of(const Fault& fault) {
    return {fault.status, fault.type, fault.message, {}};
}

std::string shown(const std::string& text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 80)) out += c >= ' ' && c < 0x7f && c != '"' ? c : '?';
    return out + (text.size() > 80 ? "…\"" : "\"");
}

}  // namespace skerry::lambda_api
