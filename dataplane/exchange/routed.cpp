// Routed requests: the payload is an event that is written around the request's body as that comes,
// and the function's answer is HTTP's.
#include <algorithm>
#include <cstring>

#include "dataplane/exchange/exchanges.hpp"
#include "dataplane/function_url/answer.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

constexpr std::string_view kFailed = R"({"message":"Internal Server Error"})";
constexpr std::string_view kFailedFields = "Content-Type: application/json\r\n";
static_assert(function_url::kAnswerFieldsBytesMax == kTailBytes);

}  // namespace

// Into the record's buffers, within the function's limit; there is always room for an event's end.
class Exchanges::EventSink final : public function_url::Sink {
  public:
    EventSink(Exchanges& owner, Record& record, std::uint32_t kept_free)
        : owner_(owner), record_(record), kept_free_(kept_free) {}

    bool put(std::string_view text) override {
        const std::uint32_t left = record_.payload_limit - record_.payload_bytes;
        if (left < kept_free_ || text.size() > left - kept_free_) {
            reason_ = Reason::refused_too_large;
            return false;
        }
        const auto bytes = static_cast<std::uint32_t>(text.size());
        if (!owner_.append(record_, text.data(), bytes, kept_free_)) {
            reason_ = Reason::refused_no_buffer;
            return false;
        }
        record_.payload_bytes += bytes;
        return true;
    }
    // Of the put() that failed.
    Reason reason() const { return reason_; }

  private:
    Exchanges& owner_;
    Record& record_;
    const std::uint32_t kept_free_;
    Reason reason_ = Reason::served_local;
};

bool Exchanges::begin_event(Record& record, const http::Call& call, Reason& reason) {
    EventSink sink(*this, record, function_url::kEndBytesMax);
    record.routed = true;
    record.head_only = call.head_only;
    if (function_url::write_event(*call.event, sink, record.body)) return true;
    reason = sink.reason();
    return false;
}

bool Exchanges::put_body(Record& record, std::string_view piece, Reason& reason) {
    EventSink sink(*this, record, function_url::kEndBytesMax);
    if (record.body.put(sink, piece)) return true;
    reason = sink.reason();
    return false;
}

void Exchanges::end_event(Record& record) {
    EventSink sink(*this, record, 0);
    SKERRY_CHECK(record.body.finish(sink));
}

// A worker's memory is copied first: what is understood must be what is sent.
bool Exchanges::read_answer(http::Answer& answer, const rte_mbuf* kept) {
    if (answer.payload_bytes > kAnswerBytesMax) return false;
    char* const text = answer_text_.get();
    if (kept == nullptr) {
        if (answer.payload_bytes != 0) std::memcpy(text, answer.payload, answer.payload_bytes);
    } else {
        std::uint32_t got = 0;
        for (const rte_mbuf* at = kept; at != nullptr && got < answer.payload_bytes;
             at = at->next) {
            const std::uint32_t bytes =
                std::min<std::uint32_t>(at->data_len, answer.payload_bytes - got);
            std::memcpy(text + got, rte_pktmbuf_mtod(at, const char*), bytes);
            got += bytes;
        }
        SKERRY_CHECK(got == answer.payload_bytes);
    }
    function_url::FunctionAnswer made;
    if (!function_url::read_answer({text, answer.payload_bytes}, std::span(answer_fields_), made))
        return false;
    answer.http_status = made.status;
    answer.fields = made.fields;
    answer.payload = reinterpret_cast<const std::uint8_t*>(made.body.data());
    answer.payload_bytes = static_cast<std::uint32_t>(made.body.size());
    return true;
}

// `kept`: where the answer lies, if it came in buffers of ours. It is not needed afterwards.
void Exchanges::shape_answer(const Record& record, http::Answer& answer, rte_mbuf* kept) {
    const bool executed = answer.status == ReplyStatus::ok;
    answer.tail = {};
    if (!executed && !http::is_function_error(answer.status)) {
        answer.payload_bytes = 0;  // a refusal: it is told as the Invoke API's are
        rte_pktmbuf_free(kept);
        return;
    }
    if (!executed || !read_answer(answer, kept)) {
        if (executed) context_.counters.count(Reason::http_answer_malformed);
        answer.http_status = 502;
        answer.fields = kFailedFields;
        answer.payload = reinterpret_cast<const std::uint8_t*>(kFailed.data());
        answer.payload_bytes = static_cast<std::uint32_t>(kFailed.size());
    }
    rte_pktmbuf_free(kept);
    answer.status = ReplyStatus::ok;
    if (record.head_only || answer.http_status == 204 || answer.http_status == 304)
        answer.payload_bytes = 0;
}

}  // namespace skerry
