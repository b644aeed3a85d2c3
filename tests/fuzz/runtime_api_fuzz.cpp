// The fuzzer is a hostile worker that speaks the Runtime API: it opens, splits, stalls and drops
// connections as it likes, and sends any bytes. Whatever it does, nothing outside the area is
// written, an answer stays as it was told until the next invocation begins, payloads are not
// touched after the answer, and a worker that behaves from then on is served.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/peer.hpp"

namespace {

using namespace skerry;
using namespace skerry::runtime_api;

constexpr std::size_t kAreaBytes = 96;
constexpr std::size_t kCanaryBytes = 64;
constexpr std::byte kCanary{0xA5};

// Where the last digit of a request's id is.
constexpr std::size_t kIdDigit = sizeof("POST /2018-06-01/runtime/invocation/") - 1 + 35;

// make_corpus.py knows them by their numbers.
constexpr const char* kPhrases[] = {
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n",
    ("POST /2018-06-01/runtime/invocation/01234567-89ab-cdef-0000-000000000001/response "
     "HTTP/1.1\r\n"),
    "POST /2018-06-01/runtime/invocation/01234567-89ab-cdef-0000-000000000001/error HTTP/1.1\r\n",
    "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n",
    "GET /2020-01-01/extension/event/next HTTP/1.1\r\n",
    "GET /2018-06-01/ping HTTP/1.0\r\n",
    "Content-Length: 40\r\n",
    "Content-Length: 4000\r\n",
    "Content-Length: 67108865\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
    "Lambda-Runtime-Function-Error-Type: Function.Broke\r\n",
    "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n",
    "\r\n",
    "28\r\n0123456789012345678901234567890123456789\r\n",
    "0\r\n",
    "0123456789012345678901234567890123456789",
    "GET /skerry/assignment HTTP/1.1\r\n",
};

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return empty() ? 0 : *at_++; }
    std::string take(std::size_t bytes) {
        bytes = std::min(bytes, static_cast<std::size_t>(end_ - at_));
        std::string text(reinterpret_cast<const char*>(at_), bytes);
        at_ += bytes;
        return text;
    }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

class Hostile {
  public:
    explicit Hostile(bool stands_by)
        : memory_(kAreaBytes + 2 * kCanaryBytes, kCanary),
          unassigned_(stands_by),
          peer_(stands_by ? Peer() : Peer(area(), kAreaBytes, kArn)) {}

    void step(Input& input) {
        const std::uint8_t what = input.byte();
        const std::uint32_t index = what >> 4 & 3;
        switch (what & 15) {
            case 0:
                connect();
                break;
            case 1:
                lose(index);
                break;
            case 2:
            case 3:
                hear(index, 1u + input.byte());
                break;
            case 4:
                hear(index, 1u << 20);
                break;
            case 5:
                begin(input.byte());
                break;
            case 6:
                ask_space(index);  // the bytes come later, or never
                break;
            case 7:
                deliver(index, input.take(input.byte()));
                break;
            case 8:
                close(index);
                break;
            case 9:
                say(index, std::string(input.byte() * 17u, 'x'), 4096);
                break;
            case 10:
            case 11:
                say(index, input.take(input.byte()), 1u + (what >> 6) * 30u);
                break;
            default:
                say(index, kPhrases[input.byte() % std::size(kPhrases)], 4096);
        }
        check();
    }

    // All of it on one connection, to a worker that has an invocation (`id` is its last digit), or,
    // for an error of the initialisation, not yet one.
    void say_recorded(const std::string& text, char id) {
        request_id_hi_ = 0x4000;
        request_id_lo_ = 0x8000000000000000 + static_cast<std::uint64_t>(id & 15);
        const int index = connect();
        const auto at = static_cast<std::uint32_t>(index);
        if (text.find("/init/error") == std::string::npos) {
            say(at, next(), 4096);
            begin(40);
            hear_all(at);
        }
        for (std::size_t said = 0; said < text.size(); said += 100) {
            say(at, text.substr(said, 100), 100);
            hear_all(at);
            begin(40);
            check();
        }
        request_id_hi_ = 0x0123456789abcdef;
        request_id_lo_ = 1;
    }

    // From here on the worker behaves, and is given one invocation after the other. What it has
    // left open stays open, but for a half-sent answer: only its end tells that from a slow one.
    void behave(bool hang_up) {
        for (std::uint32_t i = 0; i < kConnections; ++i)
            if (hang_up || peer_.connection(i).reader.state() == RequestReader::State::body)
                lose(i);
        if (unassigned_) {
            if (!peer_.stands_by()) call_until("GET /skerry/assignment HTTP/1.1\r\n\r\n");
            const int parked = peer_.parked();
            SKERRY_CHECK(parked >= 0);
            assign(7);
            const std::string heard = hear_all(static_cast<std::uint32_t>(parked));
            SKERRY_CHECK(heard.find("\r\n\r\naaaaaaa") != std::string::npos);
        }
        if (started_) {
            call_until(next());  // it may have been told often enough
            call_until(response("late"));
            SKERRY_CHECK(!started_ && answer() == "late");
        }
        if (failed_) return;
        if (!asked_) call_until(next());
        SKERRY_CHECK(asked_);
        for (int round = 0; round < 2; ++round) {
            const int parked = peer_.parked();
            begin(40);
            std::string heard =
                parked < 0 ? call_until(next()) : hear_all(static_cast<std::uint32_t>(parked));
            // One head, whatever its client context is made of, and the payload without that.
            const std::string end = "\r\n\r\n" + std::string(40, 'p');
            const std::size_t at = heard.find("\r\nLambda-Runtime-Client-Context: ");
            SKERRY_CHECK(at != std::string::npos);
            SKERRY_CHECK(heard.compare(heard.find("\r\n\r\n", at), end.size(), end) == 0);
            heard = call_until(response("fine"));
            SKERRY_CHECK(heard.find(" 202 ") != std::string::npos);
            SKERRY_CHECK(!started_ && peer_.outcome() == Outcome::ok && answer() == "fine");
            call_until(next());
            SKERRY_CHECK(asked_);
            check();
        }
    }

  private:
    static constexpr const char* kArn = "arn:aws:lambda:here:0:function:f:1";
    std::byte* area() { return memory_.data() + kCanaryBytes; }

    // Of one that stands by and has asked.
    void assign(std::size_t bytes) {
        if (!peer_.stands_by()) return;
        SKERRY_CHECK(unassigned_);
        unassigned_ = false;
        assignment_.assign(bytes, 'a');
        peer_.assign(area(), kAreaBytes, kArn, assignment_);
        SKERRY_CHECK(!peer_.stands_by() && peer_.parked() < 0);
    }
    static std::string next() { return "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n"; }
    static std::string response(const std::string& body) {
        return "POST /2018-06-01/runtime/invocation/01234567-89ab-cdef-0000-000000000001"
               "/response "
               "HTTP/1.1\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    std::string answer() const {
        return {reinterpret_cast<const char*>(memory_.data() + kCanaryBytes), peer_.answer_bytes()};
    }

    int connect() {
        const int index = peer_.adopt(1000 + ++fds_);
        check();
        return index;
    }
    void lose(std::uint32_t index) {
        if (!peer_.connection(index).open()) return;
        peer_.lost(index);
        take_news();
    }
    void close(std::uint32_t index) {
        if (!peer_.wants_close(index)) return;
        peer_.closed(index);
        spaces_[index] = {};
        SKERRY_CHECK(!peer_.connection(index).open());
    }
    void ask_space(std::uint32_t index) {
        if (!peer_.wants_read(index) && peer_.parked() != static_cast<int>(index)) return;
        spaces_[index] = peer_.space(index);
        SKERRY_CHECK(spaces_[index].iov_len != 0 || !peer_.wants_read(index));
    }
    // What an operation that began earlier has brought.
    void deliver(std::uint32_t index, const std::string& text) {
        iovec& space = spaces_[index];
        const std::size_t bytes = std::min(text.size(), space.iov_len);
        if (bytes == 0 || !peer_.connection(index).open() || peer_.wants_close(index)) return;
        std::memcpy(space.iov_base, text.data(), bytes);
        space = {};
        peer_.received(index, bytes);
        take_news();
    }
    void say(std::uint32_t index, const std::string& text, std::size_t piece) {
        for (std::size_t said = 0; said < text.size();) {
            if (!peer_.wants_read(index)) return;
            if (spaces_[index].iov_len == 0) ask_space(index);
            const std::string now = text.substr(said, std::min(piece, spaces_[index].iov_len));
            said += now.size();
            deliver(index, now);
        }
    }
    std::string hear(std::uint32_t index, std::size_t bytes) {
        std::string heard;
        if (!peer_.wants_send(index)) return heard;
        iovec pieces[2];
        const std::uint32_t count = peer_.to_send(index, pieces);
        SKERRY_CHECK(count == 1 || count == 2);
        for (std::uint32_t i = 0; i < count; ++i) {
            SKERRY_CHECK(pieces[i].iov_len != 0);
            heard.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
        }
        heard.resize(std::min(heard.size(), bytes));
        peer_.sent(index, heard.size());
        take_news();
        return heard;
    }
    void begin(std::uint8_t bytes) {
        if (unassigned_) return assign(bytes);
        if (!asked_ || failed_) return;
        // Any bytes may be a client context; they end neither the line nor the head.
        const std::uint32_t context_bytes =
            bytes % 8 == 0 ? bytes * kContextBytesMax / 255 : bytes % 16;
        payload_.assign(bytes, 'p');
        for (std::uint32_t i = 0; i < context_bytes; ++i)
            payload_ += static_cast<char>((i + bytes) * 37);
        asked_ = false;
        started_ = true;
        told_ = false;
        peer_.begin({.payload = reinterpret_cast<const std::byte*>(payload_.data()),
                     .payload_bytes = bytes,
                     .context_bytes = context_bytes,
                     .request_id_hi = request_id_hi_,
                     .request_id_lo = request_id_lo_,
                     .trace_id_hi = 2,
                     .trace_id_lo = 3,
                     .deadline_unix_ms = 4,
                     .attempt = ++attempts_});
        SKERRY_CHECK(peer_.outcome() == Outcome::none && peer_.parked() < 0);
    }
    void take_news() {
        const std::uint8_t news = peer_.take_news();
        if ((news & kAnswered) != 0) take_answer();
        SKERRY_CHECK((news & kStandsBy) == 0 || unassigned_);
        if ((news & kAsked) == 0) return;
        SKERRY_CHECK(!started_ && !failed_ && !unassigned_);
        asked_ = true;
    }
    void take_answer() {
        const Outcome outcome = peer_.outcome();
        SKERRY_CHECK(!asked_ && !failed_);
        SKERRY_CHECK(started_ == (outcome != Outcome::init_failed) && outcome != Outcome::none);
        SKERRY_CHECK(peer_.answer_bytes() <= kAreaBytes);
        failed_ = outcome == Outcome::init_failed;
        started_ = false;
        told_ = true;
        answer_ = answer();
        // Its memory is somebody else's now: AddressSanitizer sees who still reads it.
        std::string().swap(payload_);
        payload_.shrink_to_fit();
    }
    void check() {
        take_news();
        for (std::size_t i = 0; i < kCanaryBytes; ++i)
            SKERRY_CHECK(memory_[i] == kCanary &&
                         memory_[kCanaryBytes + kAreaBytes + i] == kCanary);
        if (told_) SKERRY_CHECK(answer() == answer_);
        std::uint32_t paying = 0;
        for (std::uint32_t i = 0; i < kConnections; ++i) {
            const Connection& c = peer_.connection(i);
            const bool closing = peer_.wants_close(i);
            SKERRY_CHECK(c.open() || (!closing && !peer_.wants_read(i) && !peer_.wants_send(i)));
            SKERRY_CHECK(!closing || (!peer_.wants_read(i) && !peer_.wants_send(i)));
            const auto* told = reinterpret_cast<const std::byte*>(assignment_.data());
            if (peer_.wants_send(i) && c.payload_sent != c.payload_bytes && c.payload != told)
                ++paying;
        }
        SKERRY_CHECK(paying == 0 || (paying == 1 && started_));
        if (peer_.parked() < 0) return;
        const auto parked = static_cast<std::uint32_t>(peer_.parked());
        SKERRY_CHECK(asked_ != peer_.stands_by() && peer_.connection(parked).open() &&
                     !peer_.wants_close(parked));
    }

    std::string hear_all(std::uint32_t index) {
        std::string heard;
        while (peer_.wants_send(index)) heard += hear(index, 1u << 20);
        return heard;
    }
    // One call on a connection of its own, as curl makes it.
    std::string call(const std::string& text) {
        for (std::uint32_t i = 0; i < kConnections; ++i) close(i);
        const int index = connect();
        if (index < 0) return {};
        const auto at = static_cast<std::uint32_t>(index);
        say(at, text, 4096);
        const std::string heard = hear_all(at);
        if (peer_.parked() != index) lose(at);
        return heard;
    }
    // A client is refused at most once: then there is room.
    std::string call_until(const std::string& text) {
        std::string heard = call(text);
        if (heard.empty() && !asked_ && !peer_.stands_by()) heard = call(text);
        return heard;
    }

    std::vector<std::byte> memory_;
    std::string payload_, answer_;
    iovec spaces_[kConnections] = {};
    int fds_ = 0;
    std::uint64_t attempts_ = 0;
    std::uint64_t request_id_hi_ = 0x0123456789abcdef, request_id_lo_ = 1;
    bool asked_ = false, started_ = false, failed_ = false, told_ = false;
    std::string assignment_;
    bool unassigned_;
    Peer peer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bool stands_by = size > 2 && data[0] == 'S' && data[1] == 'B';
    Input input(data + (stands_by ? 2 : 0), size - (stands_by ? 2 : 0));
    Hostile worker(stands_by);
    // What real clients have sent lies among the seeds: it is a request, and not steps.
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (text.rfind("GET /", 0) == 0 || text.rfind("POST /", 0) == 0) {
        worker.say_recorded(text, size > kIdDigit ? text[kIdDigit] : '1');
        return 0;
    }
    for (int step = 0; step < 512 && !input.empty(); ++step) worker.step(input);
    worker.behave(size % 2 == 0);
    return 0;
}
