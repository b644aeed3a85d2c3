// What the calls of the Runtime API mean, and what is answered to them.
#include <algorithm>
#include <cstring>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/answers.hpp"
#include "sandbox/runtime_api/peer.hpp"

namespace skerry::runtime_api {
namespace {

constexpr std::string_view kOk = R"({"status":"OK"})";

constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "Runtime." or "Function.", a capital and a letter; behind them what a name may have.
bool is_error_type(std::string_view type) {
    for (const std::string_view prefix : {"Runtime.", "Function."}) {
        if (type.substr(0, prefix.size()) != prefix) continue;
        const std::string_view name = type.substr(prefix.size());
        return name.size() >= 2 && name[0] >= 'A' && name[0] <= 'Z' && is_letter(name[1]) &&
               std::all_of(name.begin(), name.end(), [](char c) {
                   return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                          c == '-';
               });
    }
    return false;
}

bool same_hex(std::string_view a, std::string_view lower_case) {
    return a.size() == lower_case.size() &&
           std::equal(a.begin(), a.end(), lower_case.begin(), [](char x, char y) {
               return x == y || (x >= 'A' && x <= 'F' && x - 'A' + 'a' == y);
           });
}

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

// The decoded bytes; 0: it is not base64, or does not fit.
std::size_t decode_base64(std::string_view text, std::byte* to, std::size_t room) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1 || text.size() * 3 / 4 > room) return 0;
    std::uint32_t bits = 0;
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int value = base64_value(text[i]);
        if (value < 0) return 0;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (i % 4 != 0) to[size++] = static_cast<std::byte>(bits >> (6 - 2 * (i % 4)));
    }
    return size;
}

}  // namespace

bool Peer::is_current(const RequestHead& head) const {
    if (phase_ != Phase::running) return false;
    char text[64];
    Writer id(text, sizeof text);
    id.uuid(grant_.request_id_hi, grant_.request_id_lo);
    if (!same_hex(head.request_id.view(), {text, id.size()})) return false;
    Writer attempt(text, sizeof text);
    attempt.hex(grant_.attempt, 16);
    return head.invocation_id.size == 0 ||
           same_hex(head.invocation_id.view(), {text, attempt.size()});
}

bool Peer::may_use_area(const RequestHead& head) const {
    if (area_user_ >= 0) return false;
    if (head.call == Call::init_error) return phase_ == Phase::initialising;
    return (head.call == Call::response || head.call == Call::error) && is_current(head);
}

void Peer::take_head(std::uint32_t index) {
    Connection& c = connections_[index];
    if (may_use_area(c.reader.head())) {
        area_user_ = static_cast<std::int8_t>(index);
        c.reader.begin_body(area_, area_bytes_);
    } else {
        c.reader.begin_body(nullptr, 0);
    }
    if (!c.reader.head().expects_continue || c.reader.state() != RequestReader::State::body) return;
    Writer out(c.out.data() + c.out_end, kOutBytes - c.out_end);
    out << kContinue;
    c.out_end += static_cast<std::uint32_t>(out.size());
}

void Peer::take_request(std::uint32_t index) {
    const Call call = connections_[index].reader.head().call;
    if (call != Call::next) note_talk(0, 1);  // those have a limit of their own
    if (!connections_[index].reader.head().keep_alive) connections_[index].close_when_sent = true;
    switch (call) {
        case Call::next:
            return on_next(index);
        case Call::response:
        case Call::error:
            return on_result(index);
        case Call::init_error:
            return on_init_error(index);
        case Call::restore_next:
            return answer(index, 200, {});
        case Call::restore_error:
            return answer(index, 202, kOk);
        case Call::ping:
            return answer(index, 200, "pong");
        case Call::extension_register:
        case Call::extension_next:
        case Call::extension_error:
        case Call::logs:
        case Call::telemetry:
            return on_extension(index, call);
        case Call::assignment:
            return on_assignment(index);
        case Call::wrong_method:
            return answer(index, 405, {});
        case Call::unknown:
            return answer(index, 404, "404 page not found");
    }
}

void Peer::park(std::uint32_t index) {
    // The worker asks anew: it has given up the connection on which it asked before.
    if (parked_ >= 0 && parked_ != static_cast<int>(index))
        lost(static_cast<std::uint32_t>(parked_));
    parked_ = static_cast<std::int8_t>(index);
    news_ |= phase_ == Phase::standing_by ? kStandsBy : kAsked;
    if (phase_ != Phase::standing_by) phase_ = Phase::waiting;
}

// Whoever has a function, or never was to wait for one, finds no such path.
void Peer::on_assignment(std::uint32_t index) {
    if (phase_ != Phase::standing_by) return answer(index, 404, "404 page not found");
    park(index);
}

void Peer::assign(std::byte* area, std::size_t area_bytes, std::string_view function_arn,
                  std::string_view text) {
    SKERRY_CHECK(stands_by() && function_arn.size() <= kArnBytesMax);
    area_ = area;
    area_bytes_ = area_bytes;
    function_arn_ = function_arn;
    phase_ = Phase::initialising;
    Connection& c = connections_[static_cast<std::uint8_t>(parked_)];
    parked_ = -1;
    Writer out(c.out.data() + c.out_end, kOutBytes - c.out_end);
    write_assignment_head(out, text.size(), !c.close_when_sent);
    SKERRY_CHECK(out.good());
    c.out_end += static_cast<std::uint32_t>(out.size());
    c.payload = reinterpret_cast<const std::byte*>(text.data());
    c.payload_bytes = static_cast<std::uint32_t>(text.size());
    c.payload_sent = 0;
}

void Peer::on_next(std::uint32_t index) {
    switch (phase_) {
        case Phase::standing_by:
            return refuse(index, 403, "InvalidStateTransition", "there is no function yet");
        case Phase::initialising:
            // An error that is only half told is taken back.
            if (area_user_ >= 0) lost(static_cast<std::uint32_t>(area_user_));
            return park(index);
        case Phase::waiting:
        case Phase::answered:
            return park(index);
        case Phase::granted:
            return hand_over(index);
        case Phase::running:
            if (area_user_ >= 0 || deliveries_ == kDeliveries)
                return refuse(index, 403, "InvalidStateTransition",
                              "the invocation before has not been answered");
            if (delivering_ >= 0) lost(static_cast<std::uint32_t>(delivering_));
            return hand_over(index);
        case Phase::broken:
            return refuse(index, 403, "InvalidStateTransition", "the initialisation has failed");
    }
}

void Peer::begin(const Grant& grant) {
    SKERRY_CHECK(phase_ == Phase::waiting);
    grant_ = grant;
    outcome_ = Outcome::none;
    answer_bytes_ = 0;
    error_type_.size = 0;
    deliveries_ = 0;
    talk_bytes_ = 0;
    talk_requests_ = 0;
    phase_ = Phase::granted;
    if (parked_ < 0) return;
    const auto index = static_cast<std::uint32_t>(static_cast<std::uint8_t>(parked_));
    parked_ = -1;
    hand_over(index);
}

void Peer::hand_over(std::uint32_t index) {
    Connection& c = connections_[index];
    Writer out(c.out.data() + c.out_end, kOutBytes - c.out_end);
    write_next_head(out, grant_, function_arn_, !c.close_when_sent);
    SKERRY_CHECK(out.good());
    c.out_end += static_cast<std::uint32_t>(out.size());
    c.payload = grant_.payload;
    c.payload_bytes = grant_.payload_bytes;
    c.payload_sent = 0;
    delivering_ = static_cast<std::int8_t>(index);
    ++deliveries_;
    phase_ = Phase::running;
}

void Peer::on_result(std::uint32_t index) {
    const RequestReader& reader = connections_[index].reader;
    const RequestHead& head = reader.head();
    if (!is_current(head)) return refuse(index, 400, "InvalidRequestID", "Invalid request ID");
    if (area_user_ != static_cast<int>(index))
        return refuse(index, 403, "InvalidStateTransition", "another answer is being sent");
    if (head.bad_response_mode && head.call == Call::response) {
        refuse(index, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
        keep_error_type("Runtime.InvalidResponseModeHeader");
        return finish(Outcome::function_error,
                      write_error_to_area("the response mode is neither absent nor streaming"));
    }
    if (!reader.body_fits()) {
        char text[96];
        Writer message(text, sizeof text);
        message << "Exceeded maximum allowed payload size (" << area_bytes_ << " bytes).";
        refuse(index, 413, "RequestEntityTooLarge", {text, message.size()});
        return finish(Outcome::too_large, 0);
    }
    if (head.call == Call::error || head.failed_in_stream) keep_error_type(head.error_type.view());
    answer(index, 202, kOk);
    auto bytes = static_cast<std::uint32_t>(reader.body_bytes());
    if (head.failed_in_stream) bytes = take_stream_error(head);
    finish(head.call == Call::response && !head.failed_in_stream ? Outcome::ok
                                                                 : Outcome::function_error,
           bytes);
}

void Peer::keep_error_type(std::string_view type) {
    if (is_error_type(type)) {
        (void)error_type_.set(type);
    } else {
        (void)error_type_.set(type.substr(0, 9) == "Function." ? "Function.Unknown"
                                                               : "Runtime.Unknown");
    }
}

// The response broke off with an error in its trailers: the caller gets that instead of half a
// response.
std::uint32_t Peer::take_stream_error(const RequestHead& head) {
    const std::size_t decoded = decode_base64(head.error_body.view(), area_, area_bytes_);
    if (decoded != 0) return static_cast<std::uint32_t>(decoded);
    return write_error_to_area("the response ended with an error");
}

std::uint32_t Peer::write_error_to_area(std::string_view message) {
    Writer text(reinterpret_cast<char*>(area_), area_bytes_);
    text << R"({"errorType":")" << error_type_.view() << R"(","errorMessage":")" << message
         << R"("})";
    return text.good() ? static_cast<std::uint32_t>(text.size()) : 0;
}

void Peer::on_init_error(std::uint32_t index) {
    const RequestReader& reader = connections_[index].reader;
    if (area_user_ != static_cast<int>(index) || phase_ != Phase::initialising)
        return refuse(index, 403, "InvalidStateTransition", "the initialisation has ended");
    area_user_ = -1;
    keep_error_type(reader.head().error_type.view());
    answer(index, 202, kOk);
    outcome_ = Outcome::init_failed;
    answer_bytes_ =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(reader.body_bytes(), area_bytes_));
    phase_ = Phase::broken;
    news_ |= kAnswered;
}

// As AWS's own emulator does: a runtime that brings its extensions along goes on without them.
void Peer::on_extension(std::uint32_t index, Call call) {
    switch (call) {
        case Call::extension_register:
            return answer(index, 200, R"({"functionName":"","functionVersion":"","handler":""})",
                          "Lambda-Extension-Identifier: 00000000-0000-0000-0000-000000000000\r\n");
        case Call::extension_error:
            return answer(index, 202, kOk);
        case Call::logs:
            return refuse(index, 202, "Logs.NotSupported", "Logs API is not supported");
        case Call::telemetry:
            return refuse(index, 202, "Telemetry.NotSupported", "Telemetry API is not supported");
        default:
            return;
    }
}

void Peer::answer(std::uint32_t index, int status, std::string_view body,
                  std::string_view headers) {
    Connection& c = connections_[index];
    Writer out(c.out.data() + c.out_end, kOutBytes - c.out_end);
    write_answer(out, status, body, !c.close_when_sent, headers);
    SKERRY_CHECK(out.good());
    c.out_end += static_cast<std::uint32_t>(out.size());
}

void Peer::refuse(std::uint32_t index, int status, std::string_view type,
                  std::string_view message) {
    Connection& c = connections_[index];
    Writer out(c.out.data() + c.out_end, kOutBytes - c.out_end);
    write_error(out, status, type, message, !c.close_when_sent);
    SKERRY_CHECK(out.good());
    c.out_end += static_cast<std::uint32_t>(out.size());
}

// The request can't be read to its end. What is known of it is told to the caller.
void Peer::on_failure(std::uint32_t index) {
    Connection& c = connections_[index];
    const int status = c.reader.failure_status();
    c.close_when_sent = true;
    if (status == 413) {
        refuse(index, status, "RequestEntityTooLarge", "the body is larger than is read past");
    } else {
        refuse(index, status, "InvalidRequest", "the request is wrong, or larger than allowed");
    }
    // One that announced too much was never given the area.
    const RequestHead& head = c.reader.head();
    if (area_user_ == static_cast<int>(index) || (status == 413 && may_use_area(head)))
        drop_answer(status == 413 ? Outcome::too_large : Outcome::truncated);
}

// The body that had the area will not be whole.
void Peer::drop_answer(Outcome outcome) {
    area_user_ = -1;
    if (phase_ == Phase::running) finish(outcome, 0);
}

void Peer::finish(Outcome outcome, std::uint32_t bytes) {
    outcome_ = outcome;
    answer_bytes_ = bytes;
    area_user_ = -1;
    phase_ = Phase::answered;
    news_ |= kAnswered;
    // A worker that answers what it has not read to its end does not get the rest: the payload's
    // memory is somebody else's from now on.
    if (delivering_ >= 0) lost(static_cast<std::uint32_t>(delivering_));
}

}  // namespace skerry::runtime_api
