// Clients, a transport and Invocations that do anything in any order, around one Server. Whatever
// they do: each exchange ends once, nothing is said of it afterwards, what is written is a row of
// whole answers, and in the end nothing is left. Half of the time invocations must be signed.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/check.hpp"
#include "tests/dataplane/auth/keys.hpp"
#include "tests/dataplane/http/memory.hpp"

namespace {

using namespace skerry;
using namespace skerry::http;
using namespace skerry::http::testing;

constexpr std::uint32_t kClients = 6;
constexpr const char* kPath = "/2015-03-31/functions/f/invocations";

const std::string kPhrases[] = {
    get(),
    get("/healthz", "Connection: close\r\n"),
    "GET /healthz HTTP/1.0\r\n\r\n",
    "HEAD /readyz HTTP/1.1\r\nHost: h\r\n\r\n",
    post(""),
    post("0123456789"),
    post(std::string(3000, 'b')),
    post("{}", "Expect: 100-continue\r\n"),
    post("{}", "Connection: close\r\n"),
    post("{}", "X-Amz-Invocation-Type: DryRun\r\n"),
    "POST " + std::string(kPath) + " HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
    "POST " + std::string(kPath) + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a\r\n0123456789\r\n",
    "0\r\n\r\n",
    "PUT /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345",
    "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n",
    "POST " + std::string(kPath) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n",
    "GET /healthz HT",
    "TP/1.1\r\n",
    "Host: h\r\n",
    "\r\n",
    "xxxxxxxxxxxxxxxxxxxx",
};

auth::testing::Client signer() {
    auth::testing::Client client;
    client.time = "20261128T200000Z";  // the rig's
    return client;
}

std::vector<std::string> signed_phrases() {
    std::vector<std::string> phrases;
    const auto add = [&](auto change, const std::string& fields = "") {
        for (const bool declares : {false, true}) {
            auth::testing::Client client = signer();
            client.declares = declares;
            change(client);
            phrases.push_back(client.request(fields));
        }
    };
    add([](auto&) {});
    add([](auto& client) { client.body = ""; });
    add([](auto& client) { client.body = std::string(3000, 'b'); });
    add([](auto& client) { client.secret = "not the secret of anybody"; });
    add([](auto& client) { client.path = "/2015-03-31/functions/denied/invocations"; });
    add([](auto& client) { client.headers["x-amz-invocation-type"] = "DryRun"; });
    add([](auto&) {}, "Expect: 100-continue\r\n");
    return phrases;
}

// Takes one answer off; false: it is not whole. `head` says that its request was HEAD's, which only
// whoever asked knows: both readings are tried.
bool take_answer(std::string_view& text, bool& to_the_end) {
    if (text.substr(0, 9) != "HTTP/1.1 ") return false;
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    if (head.find("Transfer-Encoding: chunked\r\n") != std::string_view::npos) {
        for (;;) {
            if (text.size() < 3) return false;
            const std::size_t line = text.find("\r\n");
            if (line == std::string_view::npos) return false;
            const auto bytes = static_cast<std::size_t>(
                std::stoul(std::string(text.substr(0, line)), nullptr, 16));
            if (text.size() < line + 2 + bytes + 2) return false;
            SKERRY_CHECK(text.substr(line + 2 + bytes, 2) == "\r\n");
            text.remove_prefix(line + 2 + bytes + 2);
            if (bytes == 0) return true;
        }
    }
    const std::size_t length = head.find("Content-Length: ");
    if (length == std::string_view::npos) {
        // 100, 204, or to the connection's end.
        if (head.substr(9, 3) == "200") to_the_end = true;
        return !to_the_end;
    }
    const auto bytes = static_cast<std::size_t>(std::stoul(std::string(head.substr(length + 16))));
    // HEAD: the fields of a body, and another answer instead of it.
    if (text.empty() || text.substr(0, 9) == "HTTP/1.1 ") return true;
    if (text.size() < bytes) return false;
    text.remove_prefix(bytes);
    return true;
}

class Fuzz {
  public:
    explicit Fuzz(bool signed_too) : rig_(options(signed_too), kClients), signed_too_(signed_too) {
        if (signed_too) {
            auth::AccessKeySpec spec = auth::testing::spec_of(signer());
            spec.functions = {"echo", "f"};
            rig_.keys =
                std::make_unique<const auth::AccessKeys>(1, std::vector<auth::AccessKeySpec>{spec});
            rig_.pass(1);
        }
        for (std::uint32_t i = 0; i < kClients; ++i) rig_.open();
    }

    void step(const std::uint8_t*& at, const std::uint8_t* end) {
        const auto byte = [&] { return at == end ? std::uint8_t{0} : *at++; };
        const std::uint8_t what = byte();
        const std::uint32_t client = byte() % kClients;
        MemoryTransport::Connection& c = rig_.transport.all[client];
        switch (what % 14) {
            case 0:
            case 1:
            case 2:
                rig_.send(client, phrase(byte()));
                break;
            case 3: {
                const std::string& text = phrase(byte());
                const std::size_t bytes = (byte() + 256u * signed_too_) % (text.size() + 1);
                rig_.send(client, std::string_view(text).substr(0, bytes));
                break;
            }
            case 4: {
                std::string raw;
                for (std::uint8_t n = byte() % 32; n > 0; --n) raw += static_cast<char>(byte());
                rig_.send(client, raw);
                break;
            }
            case 5:
                c.piece = 1u + byte();
                break;
            case 6:
                c.room = byte() * 64u;
                break;
            case 7:
                if (!c.over()) rig_.give_room(client, byte() * 64u);
                break;
            case 8:
                rig_.pass(byte() * 100'000u);
                break;
            case 9:
                end_or_reopen(client, byte());
                break;
            case 10:
                rig_.invocations.room = byte();
                for (auto& it : rig_.invocations.all)
                    if (!ended(it)) rig_.server.resume(it.call.exchange);
                break;
            case 11:
                rig_.invocations.refuse_payload_at = byte() % 4 == 0 ? byte() : ~std::size_t{0};
                rig_.invocations.refusal = {};
                if (signed_too_ && byte() % 4 == 0)
                    rig_.invocations.refusal = {.status = ReplyStatus::no_such_function,
                                                .reason = Reason::refused_no_function};
                break;
            default:
                answer(byte(), byte());
        }
        settle();
    }

    void finish() {
        // Clients are patient, and read all; then they go.
        rig_.invocations.room = ~std::size_t{0};
        rig_.pass(200'000'000);
        for (std::uint32_t round = 0; round < 64; ++round)
            answer(255, static_cast<std::uint8_t>(round));
        for (std::uint32_t i = 0; i < kClients; ++i) {
            if (rig_.transport.all[i].over()) continue;
            rig_.transport.all[i].room = 1u << 30;
            rig_.server.writable(i);
        }
        settle();
        for (std::uint32_t i = 0; i < kClients; ++i) {
            MemoryTransport::Connection& c = rig_.transport.all[i];
            if (!c.over()) rig_.server.closed(i);
            c.closed = true;
        }
        SKERRY_CHECK(rig_.server.sessions() == 0);
        SKERRY_CHECK(rig_.server.next_due_us() == ~std::uint64_t{0});
        for (const auto& it : rig_.invocations.all) SKERRY_CHECK(ended(it));
    }

  private:
    const std::string& phrase(std::uint8_t which) const {
        static const std::vector<std::string> signed_ones = signed_phrases();
        if (signed_too_ && which % 3 != 0) return signed_ones[which / 3 % signed_ones.size()];
        return kPhrases[which % std::size(kPhrases)];
    }
    static Options options(bool signed_too) {
        Options options;
        options.require_signature = signed_too;
        options.head_buffers = 2;
        options.steps_per_turn = 3;
        options.limits.head_bytes = signed_too ? 600 : 300;
        options.limits.body_bytes = 5000;
        return options;
    }
    static bool ended(const TestInvocations::Started& it) {
        return it.cancelled || it.over || (it.released && !it.more);
    }
    void settle() {
        for (std::uint32_t i = 0; i < kClients; ++i) {
            rig_.settle(i);
            check_output(i);
        }
    }
    void check_output(std::uint32_t client) {
        MemoryTransport::Connection& c = rig_.transport.all[client];
        std::string_view text = c.output;
        bool to_the_end = false;
        for (std::string_view rest = text; !text.empty() && take_answer(rest, to_the_end);)
            text = rest;
        if (!text.empty()) {
            // What is not whole yet must still be coming.
            SKERRY_CHECK(c.aborted || !c.shut || to_the_end);
            constexpr std::string_view kBegin = "HTTP/1.1 ";
            SKERRY_CHECK(text.substr(0, kBegin.size()) == kBegin.substr(0, text.size()));
        }
        c.output.erase(0, c.output.size() - text.size());
    }
    void end_or_reopen(std::uint32_t client, std::uint8_t how) {
        MemoryTransport::Connection& c = rig_.transport.all[client];
        if (c.over()) {
            c = {};
            rig_.server.opened(client);
        } else if (how % 3 == 0) {
            rig_.server.closed(client);
            c.closed = true;
        } else {
            rig_.server.peer_closed(client);
        }
    }
    void answer(std::uint8_t how, std::uint8_t which) {
        auto& all = rig_.invocations.all;
        for (std::size_t i = 0; i < all.size(); ++i) {
            TestInvocations::Started& it = all[(i + which) % all.size()];
            if (ended(it)) continue;
            if (!it.answered)
                begin_answer(it, how);
            else if (it.more && it.released)
                go_on(it, how);
            else
                continue;
            return;
        }
    }
    void begin_answer(TestInvocations::Started& it, std::uint8_t how) {
        Answer answer;
        answer.status = how % 5 == 0 ? ReplyStatus::overloaded : ReplyStatus::ok;
        it.kept.assign(answer.status == ReplyStatus::ok ? how * 20u : 0, 'a');
        answer.payload = reinterpret_cast<const std::uint8_t*>(it.kept.data());
        answer.payload_bytes = static_cast<std::uint32_t>(it.kept.size());
        it.more = answer.more = answer.status == ReplyStatus::ok && how % 3 == 0 && how != 255;
        if (answer.more && how % 2 == 0) answer.total_bytes = it.kept.size() + 1000;
        static const std::string tail(kTailBytesMax, 't');
        if (how % 7 == 3) answer.tail = std::string_view(tail).substr(0, 1 + how * 16u);
        it.total_known = answer.total_bytes != 0;
        it.total_left = 1000;
        it.answered = true;
        SKERRY_CHECK(rig_.server.answered(it.call.exchange, answer));
    }
    void go_on(TestInvocations::Started& it, std::uint8_t how) {
        if (how % 16 == 7) {
            it.over = true;
            SKERRY_CHECK(rig_.server.answer_failed(it.call.exchange));
            return;
        }
        std::size_t bytes = how * 3u;
        it.more = how % 4 != 0 && how != 255;
        if (it.total_known) {
            bytes = it.more ? std::min(bytes, it.total_left) : it.total_left;
            it.total_left -= bytes;
        }
        it.kept.assign(bytes, 'm');
        it.released = false;
        SKERRY_CHECK(rig_.server.answer_more(
            it.call.exchange, {reinterpret_cast<const std::uint8_t*>(it.kept.data()), bytes},
            it.more));
    }

    Rig rig_;
    const bool signed_too_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Fuzz fuzz(size % 2 == 1);
    const std::uint8_t* at = data;
    for (int step = 0; step < 300 && at != data + size; ++step) fuzz.step(at, data + size);
    fuzz.finish();
    return 0;
}
