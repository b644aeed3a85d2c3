// What the parser makes of a stream of bytes that comes in given pieces: as a text that two runs,
// or two parsers, can be compared by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/http/body.hpp"
#include "dataplane/http/head.hpp"
#include "dataplane/http/head_scanner.hpp"

namespace skerry::http::testing {

struct Request {
    std::string method_line;  // as it came
    std::string target;
    bool is_1_0 = false;
    bool keep_alive = true;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool operator==(const Request&) const = default;
};

struct Outcome {
    std::vector<Request> requests;  // whole ones, in order
    Refusal refusal = Refusal::none;
    bool unfinished = false;     // the bytes end within a request
    std::size_t used_bytes = 0;  // to the end of the last whole request
    std::vector<std::size_t> ends;
    bool operator==(const Outcome&) const = default;
};

// One connection's reader, as a session has it; but heads are always gathered.
class Reader {
  public:
    explicit Reader(const Limits& limits = {}) : limits_(limits) {}

    void feed(std::string_view piece) {
        while (!piece.empty() && outcome_.refusal == Refusal::none) {
            const std::size_t took = in_body_ ? feed_body(piece) : feed_head(piece);
            total_ += took;
            piece.remove_prefix(took);
            if (in_body_ && body_.complete()) finish();
        }
    }
    const Outcome& outcome() {
        outcome_.unfinished = outcome_.refusal == Refusal::none && total_ != outcome_.used_bytes;
        return outcome_;
    }

  private:
    std::size_t feed_head(std::string_view piece) {
        const std::size_t took = scanner_.feed(piece.data(), piece.size(), limits_);
        text_.append(piece.substr(0, took));
        outcome_.refusal = scanner_.refusal();
        if (!scanner_.done()) return outcome_.refusal == Refusal::none ? took : piece.size();
        // The parser may not read beyond what it is given: AddressSanitizer would see it.
        const std::vector<char> exact(text_.begin(), text_.end());
        static thread_local Head head;
        outcome_.refusal = parse_head({exact.data(), exact.size()}, limits_, head);
        if (outcome_.refusal == Refusal::none) outcome_.refusal = body_.begin(head, limits_);
        if (outcome_.refusal == Refusal::none) keep(head);
        return took;
    }
    void keep(const Head& head) {
        in_body_ = true;
        request_ = {};
        const std::string_view text = head.text;
        const std::size_t begin = text.find_first_not_of("\r\n");
        const std::string line(text.substr(begin, text.find('\r', begin) - begin));
        request_.method_line = line.substr(0, line.find(' '));
        const std::size_t target = line.find(' ') + 1;
        request_.target = line.substr(target, line.rfind(' ') - target);
        request_.is_1_0 = head.is_1_0;
        request_.keep_alive = head.keep_alive;
        for (std::uint32_t i = 0; i < head.field_count; ++i)
            request_.fields.emplace_back(head.name(head.fields[i]), head.value(head.fields[i]));
    }
    std::size_t feed_body(std::string_view piece) {
        const BodyReader::Piece got = body_.next(piece, piece.size(), limits_);
        request_.body.append(got.content);
        outcome_.refusal = body_.refusal();
        return got.consumed;
    }
    void finish() {
        outcome_.requests.push_back(std::move(request_));
        outcome_.used_bytes = total_;
        outcome_.ends.push_back(total_);
        in_body_ = false;
        scanner_ = {};
        text_.clear();
    }

    Limits limits_;
    Outcome outcome_;
    HeadScanner scanner_;
    std::string text_;
    BodyReader body_;
    Request request_;
    bool in_body_ = false;
    std::size_t total_ = 0;
};

inline Outcome read_whole(std::string_view bytes, const Limits& limits = {}) {
    Reader reader(limits);
    reader.feed(bytes);
    return reader.outcome();
}

inline Outcome read_pieces(std::string_view bytes, std::size_t piece, const Limits& limits = {}) {
    Reader reader(limits);
    for (std::size_t at = 0; at < bytes.size(); at += piece) reader.feed(bytes.substr(at, piece));
    return reader.outcome();
}

}  // namespace skerry::http::testing
