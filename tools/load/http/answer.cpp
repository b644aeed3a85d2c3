#include "tools/load/http/answer.hpp"

#include <algorithm>
#include <utility>

namespace skerry::load::http {
namespace {

constexpr std::size_t kMostDigits = 18;  // of a length: 10^18 bytes
constexpr std::size_t kMostHexDigits = 15;

bool same_name(std::string_view a, std::string_view lower_case) {
    if (a.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] | 0x20) : a[i];
        if (c != lower_case[i]) return false;
    }
    return true;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Whether a list such as "keep-alive, close" has `token`.
bool has_token(std::string_view list, std::string_view token) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (same_name(trimmed(list.substr(0, comma)), token)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
    return false;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

void AnswerReader::begin(bool to_head) {
    state_ = State::head;
    to_head_ = to_head;
    keeps_open_ = true;
    begun_ = chunked_ = has_length_ = cr_ = extension_ = differs_ = false;
    status_ = line_bytes_ = trailer_bytes_ = 0;
    digits_ = 0;
    left_ = counted_ = 0;
    head_.clear();
}

std::size_t AnswerReader::take(std::span<const std::uint8_t> bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    begun_ |= !text.empty();
    while (!text.empty() && state_ != State::done && state_ != State::broken)
        text.remove_prefix(state_ == State::head ? take_head(text) : take_body(text));
    return bytes.size() - text.size();
}

void AnswerReader::end_of_stream() {
    keeps_open_ = false;
    if (state_ == State::done) return;
    state_ = state_ == State::body && body_ == Body::to_close ? State::done : State::broken;
}

// A head in one piece is read where it lies.
std::size_t AnswerReader::take_head(std::string_view text) {
    static constexpr std::string_view kEnd = "\r\n\r\n";
    if (head_.empty()) {
        const std::size_t end = text.find(kEnd);
        if (end != std::string_view::npos && end <= kMostHeadBytes) {
            parse_head(text.substr(0, end + 2));
            return end + kEnd.size();
        }
    }
    const std::size_t before = head_.size();
    const std::size_t from = before < kEnd.size() ? 0 : before - (kEnd.size() - 1);
    const std::size_t room = kMostHeadBytes + kEnd.size() - before;
    head_.append(text.substr(0, room));
    const std::size_t end = head_.find(kEnd, from);
    if (end == std::string::npos) {
        if (text.size() >= room) state_ = State::broken;
        return std::min(text.size(), room);
    }
    const std::string whole = std::exchange(head_, {});
    parse_head(std::string_view(whole).substr(0, end + 2));
    return end + kEnd.size() - before;
}

// `head`: lines, each with its CRLF.
void AnswerReader::parse_head(std::string_view head) {
    bool first = true;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        if (!(first ? parse_status_line(line) : parse_field(line))) {
            state_ = State::broken;
            return;
        }
        first = false;
    }
    begin_body();
}

// "HTTP/1.1 200 OK"; the reason may be missing (RFC 9112 §4).
bool AnswerReader::parse_status_line(std::string_view line) {
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || (line.size() > 12 && line[12] != ' '))
        return false;
    status_ = 0;
    for (const char digit : line.substr(9, 3)) {
        if (digit < '0' || digit > '9') return false;
        status_ = static_cast<std::uint16_t>(status_ * 10 + (digit - '0'));
    }
    if (line[7] == '0') keeps_open_ = false;
    return status_ >= 100;
}

bool AnswerReader::parse_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view name = line.substr(0, colon);
    if (name.back() == ' ' || name.back() == '\t' || name.front() == ' ' || name.front() == '\t')
        return false;
    if (name.size() == 14 && same_name(name, "content-length")) {
        const std::string_view value = trimmed(line.substr(colon + 1));
        if (has_length_ || value.empty() || value.size() > kMostDigits) return false;
        for (const char digit : value) {
            if (digit < '0' || digit > '9') return false;
            left_ = left_ * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        has_length_ = true;
    } else if (name.size() == 17 && same_name(name, "transfer-encoding")) {
        if (chunked_ || !same_name(trimmed(line.substr(colon + 1)), "chunked")) return false;
        chunked_ = true;
    } else if (name.size() == 10 && same_name(name, "connection")) {
        if (has_token(line.substr(colon + 1), "close")) keeps_open_ = false;
    }
    return true;
}

// RFC 9112 §6.3.
void AnswerReader::begin_body() {
    if (chunked_ && has_length_) {
        state_ = State::broken;
    } else if (status_ < 200) {  // another answer follows; 101 is none that we asked for
        const bool to_head = to_head_;
        if (status_ == 101) {
            state_ = State::broken;
        } else {
            begin(to_head);
            begun_ = true;
        }
    } else if (to_head_ || status_ == 204 || status_ == 304) {
        state_ = State::done;
    } else if (chunked_) {
        state_ = State::body;
        body_ = Body::chunk_size;
        left_ = 0;
    } else if (has_length_) {
        state_ = left_ == 0 ? State::done : State::body;
        body_ = Body::length;
    } else {
        state_ = State::body;
        body_ = Body::to_close;
        keeps_open_ = false;
    }
}

std::size_t AnswerReader::take_counted(std::string_view text) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(text.size(), left_));
    left_ -= taken;
    count(text.substr(0, taken));
    return taken;
}

void AnswerReader::count(std::string_view body) {
    if (!expected_.empty() && !differs_) {
        const std::string_view there = expected_.substr(
            static_cast<std::size_t>(std::min<std::uint64_t>(counted_, expected_.size())));
        differs_ = there.substr(0, body.size()) != body;
    }
    counted_ += body.size();
}

std::size_t AnswerReader::take_body(std::string_view text) {
    switch (body_) {
        case Body::length: {
            const std::size_t taken = take_counted(text);
            if (left_ == 0) state_ = State::done;
            return taken;
        }
        case Body::to_close:
            count(text);
            return text.size();
        case Body::chunk: {
            const std::size_t taken = take_counted(text);
            if (left_ == 0) {
                body_ = Body::chunk_end;
                cr_ = false;
            }
            return taken;
        }
        default:
            take_framing(text.front());
            return 1;
    }
}

// One byte of a chunk's size line, of the line end behind a chunk, or of the trailer.
void AnswerReader::take_framing(char byte) {
    const bool line_end = cr_ && byte == '\n';
    if (cr_ && !line_end) {
        state_ = State::broken;
        return;
    }
    cr_ = byte == '\r';
    if (body_ == Body::chunk_end) {
        if (line_end) {
            body_ = Body::chunk_size;
            line_bytes_ = 0;
            digits_ = 0;
            extension_ = false;
        } else if (!cr_) {
            state_ = State::broken;
        }
    } else if (body_ == Body::trailer) {
        if (++trailer_bytes_ > kMostTrailerBytes || (byte == '\n' && !line_end)) {
            state_ = State::broken;
        } else if (line_end) {
            if (line_bytes_ == 0) state_ = State::done;
            line_bytes_ = 0;
        } else if (!cr_) {
            line_bytes_ = 1;
        }
    } else if (line_end) {
        end_chunk_size();
    } else if (++line_bytes_ > kMostLineBytes || byte == '\n') {
        state_ = State::broken;
    } else if (!cr_ && !extension_) {
        const int digit = hex_digit(byte);
        if (digit >= 0 && digits_ < kMostHexDigits) {
            left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
            ++digits_;
        } else if (digits_ != 0 && (byte == ';' || byte == ' ' || byte == '\t')) {
            extension_ = true;
        } else {
            state_ = State::broken;
        }
    }
}

void AnswerReader::end_chunk_size() {
    if (digits_ == 0) {
        state_ = State::broken;
        return;
    }
    body_ = left_ == 0 ? Body::trailer : Body::chunk;
    line_bytes_ = 0;
}

}  // namespace skerry::load::http
