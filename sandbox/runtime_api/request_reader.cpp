#include "sandbox/runtime_api/request_reader.hpp"

#include <algorithm>

#include "sandbox/runtime_api/routes.hpp"

namespace skerry::runtime_api {
namespace {

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same(std::string_view a, std::string_view lower_case) {
    return a.size() == lower_case.size() &&
           std::equal(a.begin(), a.end(), lower_case.begin(),
                      [](char x, char y) { return lower(x) == y; });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
               kTokenMarks.find(c) != std::string_view::npos;
    });
}

// Field values and request lines: visible characters, space, tab, and bytes of other alphabets.
bool is_clean(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    });
}

// Digits alone; -1: not that, or more than kBodyBytesMax.
std::int64_t decimal(std::string_view text) {
    if (text.empty() || text.size() > 12) return -1;
    std::int64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

template <typename Do>
void for_each_item(std::string_view list, Do&& call) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        call(trimmed(list.substr(0, comma)));
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
}

}  // namespace

std::size_t RequestReader::feed(const std::byte* data, std::size_t bytes) {
    std::size_t used = 0;
    while (used < bytes && (state_ == State::head || state_ == State::body)) {
        const bool in_body = state_ == State::body && (!head_.chunked || part_ == Part::chunk);
        used +=
            in_body ? feed_body(data + used, bytes - used) : feed_line(data + used, bytes - used);
    }
    return used;
}

std::size_t RequestReader::feed_line(const std::byte* data, std::size_t bytes) {
    const void* end = std::memchr(data, '\n', bytes);
    const std::size_t taken =
        end == nullptr ? bytes
                       : static_cast<std::size_t>(static_cast<const std::byte*>(end) - data) + 1;
    const std::size_t text = end == nullptr ? taken : taken - 1;
    head_bytes_ += taken;
    if (head_bytes_ > kHeadBytesMax) {
        fail(431);
        return taken;
    }
    const std::size_t kept = std::min(text, kLineBytes - line_bytes_);
    std::memcpy(line_.data() + line_bytes_, data, kept);
    line_bytes_ = static_cast<std::uint16_t>(line_bytes_ + kept);
    if (kept < text) line_cut_ = true;
    if (text != 0) last_ = static_cast<char>(data[text - 1]);
    if (end != nullptr) end_line();
    return taken;
}

void RequestReader::end_line() {
    std::string_view line(line_.data(), line_bytes_);
    const bool ended_well = last_ == '\r' && line_bytes_ != 0;
    if (ended_well && !line_cut_) line.remove_suffix(1);
    if (!ended_well || !is_clean(line)) {
        // A cut line may end in the middle of anything but must end like one.
        fail(400);
    } else if (part_ == Part::start_line) {
        start_line(line);
    } else if (part_ == Part::chunk_size) {
        chunk_size(line);
    } else if (part_ == Part::chunk_end) {
        if (!line.empty()) return fail(400);
        part_ = Part::chunk_size;
        head_bytes_ = 0;  // a chunk has brought something: kBodyBytesMax bounds their number
    } else if (!line.empty()) {
        header(line);
    } else {
        end_headers();
    }
    line_bytes_ = 0;
    line_cut_ = false;
    last_ = 0;
}

void RequestReader::start_line(std::string_view line) {
    // A client may send an empty line after the body of its last request (RFC 9112, 2.2).
    if (line.empty()) return ++empty_lines_ > 2 ? fail(400) : void();
    if (line_cut_) return fail(414);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return fail(400);
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method) || target.empty() || target.find(' ') != std::string_view::npos)
        return fail(400);
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return fail(version.substr(0, 5) == "HTTP/" ? 505 : 400);
    // Clients of 1.0 are told that the connection is closed, also if they would keep it. So are
    // those that send HEAD: they would take the body of our answer for the next answer.
    head_.is_1_0 = version == "HTTP/1.0";
    head_.keep_alive = !head_.is_1_0 && method != "HEAD";
    head_.call = route(method, target, head_.request_id);
    part_ = Part::headers;
}

void RequestReader::header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(400);
    apply(line.substr(0, colon), trimmed(line.substr(colon + 1)));
}

void RequestReader::apply(std::string_view name, std::string_view value) {
    const bool trailer = part_ == Part::trailers;
    if (same(name, "lambda-runtime-function-error-type")) {
        (void)head_.error_type.set(value);
        if (trailer) head_.failed_in_stream = true;
    } else if (trailer) {
        if (same(name, "lambda-runtime-function-error-body") && !line_cut_)
            (void)head_.error_body.set(value);
    } else if (same(name, "content-length")) {
        const std::int64_t length = line_cut_ ? -1 : decimal(value);
        if (length < 0) return fail(400);
        const auto announced = static_cast<std::uint64_t>(length);
        if (head_.has_length && announced != head_.content_length) return fail(400);
        head_.has_length = true;
        head_.content_length = announced;
    } else if (same(name, "transfer-encoding")) {
        if (line_cut_ || head_.chunked || !same(value, "chunked")) return fail(501);
        head_.chunked = true;
    } else if (same(name, "connection")) {
        for_each_item(value, [this](std::string_view item) {
            if (same(item, "close")) head_.keep_alive = false;
        });
    } else if (same(name, "expect")) {
        if (!same(value, "100-continue")) return fail(417);
        head_.expects_continue = !head_.is_1_0;
    } else if (same(name, "lambda-runtime-function-response-mode")) {
        head_.bad_response_mode = !same(value, "streaming");
    } else if (same(name, "lambda-runtime-invocation-id")) {
        // One that does not fit is not one of ours: keep something that can't be equal to any.
        if (!head_.invocation_id.set(value)) (void)head_.invocation_id.set("?");
    }
}

void RequestReader::end_headers() {
    if (part_ == Part::trailers) {
        state_ = State::complete;
        return;
    }
    if (head_.chunked && head_.has_length) return fail(400);
    if (head_.content_length > kBodyBytesMax) return fail(413);
    state_ = State::body_wanted;
}

void RequestReader::begin_body(std::byte* area, std::size_t capacity) {
    area_ = area;
    capacity_ = capacity;
    left_ = head_.content_length;
    part_ = Part::chunk_size;
    state_ = head_.chunked || left_ != 0 ? State::body : State::complete;
}

void RequestReader::chunk_size(std::string_view line) {
    line = trimmed(line.substr(0, line.find(';')));
    if (line.empty() || line.size() > 8) return fail(400);
    std::uint64_t size = 0;
    for (const char c : line) {
        const char digit = lower(c);
        if (digit >= '0' && digit <= '9') {
            size = size * 16 + static_cast<std::uint64_t>(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            size = size * 16 + static_cast<std::uint64_t>(digit - 'a') + 10;
        } else {
            return fail(400);
        }
    }
    if (body_bytes_ + size > kBodyBytesMax) return fail(413);
    left_ = size;
    part_ = size == 0 ? Part::trailers : Part::chunk;
}

std::size_t RequestReader::feed_body(const std::byte* data, std::size_t bytes) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, left_));
    store(data, taken);
    return taken;
}

void RequestReader::store(const std::byte* data, std::size_t bytes) {
    if (body_bytes_ < capacity_) {
        const std::size_t room = capacity_ - static_cast<std::size_t>(body_bytes_);
        std::memcpy(area_ + body_bytes_, data, std::min(bytes, room));
    }
    direct_received(bytes);
}

std::size_t RequestReader::direct_space(std::byte*& at) const {
    if (state_ != State::body || head_.chunked || body_bytes_ >= capacity_) return 0;
    at = area_ + body_bytes_;
    return static_cast<std::size_t>(std::min<std::uint64_t>(left_, capacity_ - body_bytes_));
}

void RequestReader::direct_received(std::size_t bytes) {
    body_bytes_ += bytes;
    left_ -= bytes;
    if (left_ != 0) return;
    if (head_.chunked) {
        part_ = Part::chunk_end;
    } else {
        state_ = State::complete;
    }
}

}  // namespace skerry::runtime_api
