#include "dataplane/http/errors.hpp"

namespace skerry::http {
namespace {

// By status alone, where a status has one name only.
ErrorKind common(std::uint16_t status) {
    switch (status) {
        case 404:
            return {404, "ResourceNotFoundException", true};
        case 405:
            return {405, "MethodNotAllowedException"};
        case 408:
            return {408, "RequestTimeoutException"};
        case 411:
            return {411, "LengthRequiredException"};
        case 413:
            return {413, "RequestTooLargeException"};
        case 415:
            return {415, "UnsupportedMediaTypeException"};
        case 501:
            return {501, "NotImplementedException"};
        case 503:
            return {503, "ServiceUnavailableException", true, true};
        default:
            return {status, "InvalidRequestContentException"};
    }
}

// AWS Signature Version 4 (lambda-api.md §5.1). Empty: it has nothing to do with that.
std::string_view signature_error(Refusal refusal) {
    switch (refusal) {
        case Refusal::no_signature:
            return "MissingAuthenticationTokenException";
        case Refusal::incomplete_signature:
            return "IncompleteSignatureException";
        case Refusal::wrong_scope:
        case Refusal::unsigned_header:
        case Refusal::unsigned_payload:
        case Refusal::wrong_signature:
        case Refusal::signature_expired:
        case Refusal::signature_early:
            return "InvalidSignatureException";
        case Refusal::unknown_key:
            return "UnrecognizedClientException";
        case Refusal::expired_key:
            return "ExpiredTokenException";
        case Refusal::key_denied:
            return "AccessDeniedException";
        default:
            return {};
    }
}

// What an admission rule says: its statuses are those of control/rules.
ErrorKind by_rule(std::uint16_t status) {
    if (status == 403) return {403, "AccessDeniedException", true};
    if (status == 429) return error_of(ReplyStatus::caller_rate);
    return common(status);
}

bool is_parameter(Refusal refusal) {
    switch (refusal) {
        case Refusal::bad_name:
        case Refusal::qualifier_clash:
        case Refusal::bad_invocation_type:
        case Refusal::bad_log_type:
            return true;
        default:
            return false;
    }
}

}  // namespace

ErrorKind error_of(Refusal refusal, std::uint16_t status) {
    if (refusal == Refusal::rule_denied || refusal == Refusal::rule_rate)
        return by_rule(status != 0 ? status : info(refusal).status);
    if (is_parameter(refusal)) return {400, "InvalidParameterValueException"};
    if (refusal == Refusal::source_rate) return error_of(ReplyStatus::caller_rate);
    if (info(refusal).status == 403) return {403, signature_error(refusal)};
    return common(info(refusal).status);
}

ErrorKind error_of(ReplyStatus status) {
    switch (status) {
        case ReplyStatus::no_such_function:
        case ReplyStatus::no_such_version:
            return common(404);
        case ReplyStatus::too_large:
            return common(413);
        case ReplyStatus::bad_message:
        case ReplyStatus::unsupported_version:
            return common(400);
        case ReplyStatus::too_many_hops:
            return {400, "RecursiveInvocationException", true};
        case ReplyStatus::overloaded:
            return {429, "TooManyRequestsException", false, true,
                    "ConcurrentInvocationLimitExceeded"};
        case ReplyStatus::caller_rate:
            return {429, "TooManyRequestsException", false, true, "CallerRateLimitExceeded"};
        case ReplyStatus::function_rate:
            return {429, "TooManyRequestsException", false, true,
                    "FunctionInvocationRateLimitExceeded"};
        case ReplyStatus::not_allowed:
            return {403, "AccessDeniedException"};
        case ReplyStatus::draining:
        case ReplyStatus::no_region:
            return common(503);
        case ReplyStatus::deadline_exceeded:
            return {504, "ServiceException", true};
        case ReplyStatus::outcome_unknown:
        case ReplyStatus::region_failed:
            return {502, "ServiceException", true};
        case ReplyStatus::start_failed:
            return {502, "InvalidRuntimeException", true};
        default:
            return {500, "ServiceException", true};
    }
}

bool is_function_error(ReplyStatus status) {
    switch (status) {
        case ReplyStatus::function_error:
        case ReplyStatus::worker_died:
        case ReplyStatus::worker_hung:
        case ReplyStatus::worker_malformed:
        case ReplyStatus::answer_too_large:
        case ReplyStatus::cpu_limit:
            return true;
        default:
            return false;
    }
}

std::string_view reason_phrase(std::uint16_t status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 451:
            return "Unavailable For Legal Reasons";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:  // a function's own: RFC 9112 §4 lets it be empty
            return "";
    }
}

}  // namespace skerry::http
