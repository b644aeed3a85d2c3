#include "dataplane/http/answer_text.hpp"

#include <algorithm>
#include <array>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/writer.hpp"

namespace skerry::http {
namespace {

using runtime_api::Writer;

constexpr std::string_view kJson = "Content-Type: application/json\r\n";

void begin(Writer& out, const Envelope& envelope, std::uint16_t status) {
    out << "HTTP/1.1 " << std::uint64_t{status} << " " << reason_phrase(status)
        << "\r\nDate: " << envelope.date << "\r\n";
    if (!envelope.keep_alive)
        out << "Connection: close\r\n";
    else if (envelope.is_1_0)
        out << "Connection: keep-alive\r\n";
    if (!envelope.allow_origin.empty())
        out << "Access-Control-Allow-Origin: " << envelope.allow_origin
            << "\r\nAccess-Control-Expose-Headers: *\r\n";
}

void request_id(Writer& out, const Envelope& envelope) {
    out << "x-amzn-RequestId: ";
    out.uuid(envelope.request_id_hi, envelope.request_id_lo) << "\r\n";
    const Trace& trace = envelope.trace;
    if ((trace.id_hi | trace.id_lo) == 0) return;
    // As the function is told it.
    out << "X-Amzn-Trace-Id: Root=1-";
    out.hex(trace.id_hi >> 32, 8) << "-";
    out.hex(trace.id_hi, 8).hex(trace.id_lo, 16);
    if (trace.span_id != 0) {
        out << ";Parent=";
        out.hex(trace.span_id, 16);
    }
    out << ";Sampled=0\r\n";
}

void end(Writer& out, const Envelope& envelope, std::string_view body) {
    out << "Content-Length: " << std::uint64_t{body.size()} << "\r\n\r\n";
    if (!envelope.head_only) out << body;
}

std::string_view written(AnswerBuffer buffer, const Writer& out) {
    SKERRY_CHECK(out.good());
    return {buffer.data(), out.size()};
}

// {"Type":…,"message":…}: `say` writes the message.
template <typename Say>
void error(Writer& out, const Envelope& envelope, const ErrorKind& kind, Say say) {
    std::array<char, 512> body_bytes;
    Writer body(body_bytes.data(), body_bytes.size());
    body << R"({"Type":")" << (kind.status < 500 ? "User" : "Service") << R"(",)";
    if (!kind.throttled_by.empty()) body << R"("Reason":")" << kind.throttled_by << R"(",)";
    body << (kind.capital_message ? R"("Message":")" : R"("message":")");
    say(body);
    body << R"("})";
    SKERRY_CHECK(body.good());
    if (kind.retry_after) out << "Retry-After: 1\r\n";
    out << "x-amzn-ErrorType: " << kind.type << "\r\n" << kJson;
    end(out, envelope, {body_bytes.data(), body.size()});
}

void too_large(Writer& body, std::uint64_t limit_bytes) {
    body << "Request must be smaller than " << limit_bytes
         << " bytes for the InvokeFunction operation";
}

std::string_view place_of(const Answer& answer) {
    return {answer.place,
            static_cast<std::size_t>(std::find(answer.place, std::end(answer.place), '\0') -
                                     answer.place)};
}

// Where it was decided to execute it, and why there: "local; place=pop; reason=served_local; cold",
// "forward; region=eu-1; reason=served_region; chosen=policy; candidates=3; asked=1". A
// region's answer names the region that was asked last, however it ended.
void decision(Writer& out, const Answer& answer) {
    const bool forwarded = answer.selection.why != Why::none;
    const bool refused = !forwarded && skerry::info(answer.status).retry == Retry::unstarted;
    out << "x-skerry-decision: " << (forwarded ? "forward" : refused ? "refuse" : "local");
    if (const std::string_view place = place_of(answer); !place.empty())
        out << (forwarded ? "; region=" : "; place=") << place;
    out << "; reason=" << skerry::info(answer.reason).name;
    if (forwarded)
        out << "; chosen=" << kWhyNames[static_cast<std::size_t>(answer.selection.why)]
            << "; candidates=" << std::uint64_t{answer.selection.candidates};
    if (answer.attempts != 0) out << "; asked=" << std::uint64_t{answer.attempts};
    if (answer.cold) out << "; cold";
    if (answer.replayed) out << "; replayed";
    out << "\r\n";
}

// What Lambda's service says in place of a function that could not (lambda-api.md §5.1); workers
// that speak the Runtime API brought a text that knows more.
void failed_function(Writer& body, const Envelope& envelope, ReplyStatus status) {
    const auto open = [&](std::string_view type) -> Writer& {
        body << R"({"errorType":")" << type << R"(","errorMessage":"RequestId: )";
        return body.uuid(envelope.request_id_hi, envelope.request_id_lo);
    };
    switch (status) {
        case ReplyStatus::worker_died:
            open("Runtime.ExitError") << " Error: Runtime exited without providing a reason";
            break;
        case ReplyStatus::worker_hung:
            open("Sandbox.Timedout") << " Error: Task timed out";
            break;
        case ReplyStatus::cpu_limit:
            open("Sandbox.CpuTimeExceeded") << " Error: Task used more CPU time than its limit";
            break;
        case ReplyStatus::answer_too_large:
            body << R"({"errorType":"Function.ResponseSizeTooLarge","errorMessage":")"
                 << "Response payload size exceeded maximum allowed payload size.";
            break;
        default:
            open("Runtime.Unknown") << " Error: the runtime's answer was malformed";
    }
    body << R"("})";
}

InvocationText executed(Writer& out, AnswerBuffer buffer, const Envelope& envelope,
                        const Answer& answer) {
    const bool failed = is_function_error(answer.status);
    if (failed) out << "X-Amz-Function-Error: Unhandled\r\n";
    if (answer.version_key != 0) {
        out << "X-Amz-Executed-Version: ";
        if (answer.latest)
            out << "$LATEST\r\n";
        else if (answer.version_number != 0)
            out << std::uint64_t{answer.version_number} << "\r\n";
        else
            out.hex(answer.version_key, 16) << "\r\n";
    }
    out << kJson;
    if (failed && answer.status != ReplyStatus::function_error && answer.payload_bytes == 0) {
        std::array<char, 256> body_bytes;
        Writer body(body_bytes.data(), body_bytes.size());
        failed_function(body, envelope, answer.status);
        SKERRY_CHECK(body.good());
        end(out, envelope, {body_bytes.data(), body.size()});
        return {written(buffer, out), false};
    }
    if (!answer.more || answer.total_bytes != 0)
        out << "Content-Length: "
            << (answer.more ? answer.total_bytes : std::uint64_t{answer.payload_bytes})
            << "\r\n\r\n";
    else if (envelope.is_1_0)
        out << "\r\n";  // to the connection's end
    else
        out << "Transfer-Encoding: chunked\r\n\r\n";
    return {written(buffer, out), true};
}

// What a function said itself. Its fields are put before the last CRLF by whoever sends this.
InvocationText of_function(Writer& out, AnswerBuffer buffer, const Envelope& envelope,
                           const Answer& answer) {
    // RFC 9110 §8.6: none with 204; with 304, and to HEAD, it would be that of the content.
    const bool no_content = answer.http_status == 204 || answer.http_status == 304;
    if (!no_content && !envelope.head_only)
        out << "Content-Length: "
            << (answer.more ? answer.total_bytes : std::uint64_t{answer.payload_bytes}) << "\r\n";
    out << "\r\n";
    return {written(buffer, out), true};
}

}  // namespace

std::string_view refusal_text(AnswerBuffer buffer, const Envelope& envelope, Refusal refusal,
                              std::string_view allow, std::uint64_t limit_bytes) {
    const ErrorKind kind = error_of(refusal, envelope.rule_status);
    Writer out(buffer.data(), buffer.size());
    begin(out, envelope, kind.status);
    if (refusal == Refusal::wrong_method) out << "Allow: " << allow << "\r\n";
    request_id(out, envelope);
    error(out, envelope, kind, [&](Writer& body) {
        if (refusal == Refusal::body_too_large)
            too_large(body, limit_bytes);
        else
            body << info(refusal).text;
    });
    return written(buffer, out);
}

InvocationText invocation_text(AnswerBuffer buffer, const Envelope& envelope, const Answer& answer,
                               std::string_view name, std::string_view qualifier) {
    Writer out(buffer.data(), buffer.size());
    if (answer.reason == Reason::event_accepted) {
        begin(out, envelope, 202);
        request_id(out, envelope);
        end(out, envelope, {});
        return {written(buffer, out), false};
    }
    const bool was_executed = answer.status == ReplyStatus::ok || is_function_error(answer.status);
    // Of a queue that can't be written AWS's clients know this, and ask again.
    const bool not_kept = answer.reason == Reason::failed_event_store;
    ErrorKind kind = was_executed ? ErrorKind{200, {}}
                     : not_kept   ? ErrorKind{500, "ServiceException", true}
                                  : error_of(answer.status);
    if (answer.reason == Reason::refused_reserved)
        kind.throttled_by = "ReservedFunctionConcurrentInvocationLimitExceeded";
    Envelope said = envelope;
    // Whose web pages may read a function's own answer is the function's to say.
    if (answer.http_status != 0) said.allow_origin = {};
    begin(out, said, answer.http_status != 0 ? answer.http_status : kind.status);
    request_id(out, envelope);
    decision(out, answer);
    if (answer.http_status != 0) return of_function(out, buffer, envelope, answer);
    if (was_executed) return executed(out, buffer, envelope, answer);
    error(out, envelope, kind, [&](Writer& body) {
        if (answer.status == ReplyStatus::too_large && answer.limit_bytes != 0) {
            too_large(body, answer.limit_bytes);
        } else if (kind.status == 404) {
            body << "Function not found";
            if (!name.empty()) body << ": " << name;
            if (!qualifier.empty()) body << ":" << qualifier;
        } else if (kind.status == 429) {
            body << "Rate Exceeded.";
        } else {
            body << skerry::info(answer.reason).text;
        }
    });
    return {written(buffer, out), false};
}

std::string_view log_result_text(std::span<char, kLogResultBytesMax> buffer,
                                 std::string_view tail) {
    static constexpr char kDigits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    SKERRY_CHECK(tail.size() <= kTailBytesMax);
    Writer out(buffer.data(), buffer.size());
    out << "X-Amz-Log-Result: ";
    for (std::size_t at = 0; at < tail.size(); at += 3) {
        const std::size_t bytes = std::min<std::size_t>(3, tail.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < bytes ? static_cast<unsigned char>(tail[at + i]) : 0u);
        char digits[4];
        for (std::size_t i = 0; i < 4; ++i)
            digits[i] = i <= bytes ? kDigits[group >> (18 - 6 * i) & 63] : '=';
        out << std::string_view(digits, 4);
    }
    out << "\r\n";
    SKERRY_CHECK(out.good());
    return {buffer.data(), out.size()};
}

std::string_view page_text(AnswerBuffer buffer, const Envelope& envelope, std::uint16_t status,
                           std::string_view body) {
    Writer out(buffer.data(), buffer.size());
    begin(out, envelope, status);
    if (status == 503) out << "Retry-After: 1\r\n";
    out << "Content-Type: text/plain\r\nCache-Control: no-store\r\n";
    end(out, envelope, body);
    return written(buffer, out);
}

std::string_view options_text(AnswerBuffer buffer, const Envelope& envelope, Route route) {
    Writer out(buffer.data(), buffer.size());
    begin(out, envelope, 204);
    out << "Allow: " << allowed(route) << "\r\n";
    // The star does not stand for Authorization.
    if (!envelope.allow_origin.empty())
        out << "Access-Control-Allow-Methods: " << allowed(route)
            << "\r\nAccess-Control-Allow-Headers: *, Authorization\r\n"
               "Access-Control-Max-Age: 600\r\n";
    out << "\r\n";
    return written(buffer, out);
}

std::string_view dry_run_text(AnswerBuffer buffer, const Envelope& envelope) {
    Writer out(buffer.data(), buffer.size());
    begin(out, envelope, 204);
    request_id(out, envelope);
    out << "\r\n";
    return written(buffer, out);
}

}  // namespace skerry::http
