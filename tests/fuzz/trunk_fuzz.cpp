// A hostile peer at either end of a trunk, and two ends between whom anything happens. The first
// byte says which:
//   even   two ends that mean well, with a wire of any room and any cuts; the input says what they
//          do. Whatever it is: every answer is what was asked, and in the end nothing is open.
//   odd    frames out of the input (kept well-formed often enough to get somewhere), to a server or
//          to a client that has asked: no end may do what its Handler checks (ends.hpp).
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/dataplane/trunk/ends.hpp"

namespace {

using namespace skerry;
using namespace skerry::trunk;
using namespace skerry::trunk::testing;

struct Input {
    const std::uint8_t* at;
    const std::uint8_t* end;
    bool empty() const { return at == end; }
    std::uint8_t byte() { return at == end ? std::uint8_t{0} : *at++; }
    std::uint32_t word() {
        const std::uint32_t high = byte(), low = byte();
        return high << 8 | low;
    }
};

class Friends {
  public:
    explicit Friends(Input& input) : input_(input), pair_(kWindowBytesMin + input.word()) {}

    void run() {
        for (int i = 0; i < 400 && !input_.empty(); ++i) step();
        pair_.client.left = pair_.server.left = 1u << 30;
        pair_.server.grants = true;
        for (int round = 0; round < 3; ++round) {
            for (std::uint32_t p = 0; p < kStreams; ++p) {
                grant(p);
                const End::Stream& there = pair_.server.streams[p];
                if (there.open && there.complete && !there.replied) answer(p);
            }
            pair_.settle();
        }
        check();
        SKERRY_CHECK(pair_.client.link.idle() && pair_.server.link.idle());
    }

  private:
    void step() {
        const std::uint8_t what = input_.byte();
        const std::uint32_t place = input_.byte() % kStreams;
        End::Stream& asked = pair_.client.streams[place];
        End::Stream& there = pair_.server.streams[place];
        switch (what % 10) {
            case 0:
            case 1:
                if (pair_.client.link.has_place())
                    (void)pair_.client.ask(
                        std::string(input_.word() % 70'000, static_cast<char>('a' + place)), place);
                break;
            case 2:
                if (asked.open) pair_.client.cancel(place);
                break;
            case 3:
                if (there.open && !there.replied) answer(place);
                break;
            case 4:
                if (there.open && there.complete && !there.replied && there.accepted++ == 0)
                    pair_.server.say(place);
                break;
            case 5:
                pair_.client.left = input_.word();
                pair_.server.left = input_.word();
                break;
            case 6:
                pair_.server.grants = input_.byte() % 2 == 0;
                grant(place);
                break;
            case 7:
                pair_.client.link.ping(place);
                break;
            default:
                pair_.client.pump();
                pair_.server.pump();
                SKERRY_CHECK(carry(pair_.client, pair_.server, input_.word()));
                SKERRY_CHECK(carry(pair_.server, pair_.client, input_.word()));
        }
        check();
    }
    void grant(std::uint32_t place) {
        if (pair_.server.link.is_open(place)) pair_.server.link.grant(place, 1u << 20);
        if (pair_.client.link.is_open(place)) pair_.client.link.grant(place, 1u << 20);
    }
    void answer(std::uint32_t place) {
        End::Stream& there = pair_.server.streams[place];
        pair_.server.reply(place, there.complete ? there.heard : "");
    }
    void check() {
        for (End::Stream& asked : pair_.client.streams) {
            if (!asked.complete) continue;
            SKERRY_CHECK(asked.heard.empty() || asked.heard == asked.says);
            asked.complete = false;
        }
    }
    Input& input_;
    Pair pair_;
};

void append_frame(std::string& bytes, std::uint8_t type, std::uint32_t stream,
                  const std::string& body) {
    FrameHead head{};
    head.type = type;
    head.bytes.set(static_cast<std::uint16_t>(body.size()));
    head.stream.set(stream);
    bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes += body;
}

template <typename T>
std::string raw(const T& what) {
    return {reinterpret_cast<const char*>(&what), sizeof what};
}

std::string next_frame(Input& input) {
    std::string bytes;
    const std::uint8_t type = input.byte();
    const std::uint32_t stream =
        stream_of(input.byte() % 4, type & 0x80 ? input.word() : 1u + input.byte() % 3);
    switch (type % 9) {
        case 0: {  // anything at all
            for (std::uint8_t n = input.byte() % 140; n > 0; --n)
                bytes += static_cast<char>(input.byte());
            break;
        }
        case 1: {
            HelloBody body{};
            body.magic.set(kMagic);
            body.version.set(kVersion);
            body.streams.set(static_cast<std::uint16_t>(1 + input.byte() % kStreams));
            body.window_bytes.set(kWindowBytesMin + input.word() * 8);
            append_frame(bytes, 1, 0, raw(body));
            break;
        }
        case 2:
        case 8: {
            wire::Header header = header_of(static_cast<wire::Kind>(input.byte() % 7),
                                            input.word() * (1u + input.byte() % 3));
            if (type % 9 == 8) {  // with a client context, or what claims to be one
                header.version = wire::kVersionWithContext;
                header.tail_bytes.set(input.word());
            }
            append_frame(bytes, 2, stream, raw(header));
            break;
        }
        case 3:
            append_frame(bytes, 3, stream, std::string(input.word() % (kDataBytesMax + 2), 'd'));
            break;
        case 4: {
            CreditBody body;
            body.bytes.set(input.word() << input.byte() % 16);
            append_frame(bytes, 4, stream, raw(body));
            break;
        }
        case 5:
            append_frame(bytes, 5, stream, "");
            break;
        default:
            append_frame(bytes, static_cast<std::uint8_t>(type % 9), 0, std::string(8, 'p'));
    }
    return bytes;
}

void hostile(Input& input, Role role) {
    End end(role, kWindowBytesMin);
    std::string bytes;
    if (input.byte() % 8 != 0) {
        HelloBody body{};
        body.magic.set(kMagic);
        body.version.set(kVersion);
        body.streams.set(kStreams);
        body.window_bytes.set(kWindowBytesMin);
        append_frame(bytes, 1, 0, raw(body));
    }
    for (int i = 0; i < 200 && !input.empty(); ++i) {
        const std::uint8_t what = input.byte();
        if (role == Role::client && what % 4 == 0 && end.link.has_place())
            (void)end.ask(std::string(input.word() % 40'000, 'c'));
        if (role == Role::client && what % 16 == 1 && end.streams[what / 16 % 4].open)
            end.cancel(what / 16 % 4);
        if (role == Role::server && what % 4 == 0) {
            End::Stream& there = end.streams[what / 4 % 4];
            if (there.open && !there.replied)
                end.reply(what / 4 % 4, std::string(what * 200u, 'r'));
        }
        end.refuse_all = what % 7 == 0;
        end.grants = what % 5 != 0;
        bytes += next_frame(input);
        if (what % 3 == 0) continue;  // several together
        if (!take(end, bytes)) return;
        bytes.clear();
        end.left = 1u << 20;
        end.pump();
        end.output.clear();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, data + size};
    const std::uint8_t which = input.byte();
    if (which % 2 == 0) {
        Friends(input).run();
    } else {
        hostile(input, which % 4 == 1 ? Role::server : Role::client);
    }
    return 0;
}
