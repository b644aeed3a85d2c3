// skerryctl invoke: one request over the native protocol.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "sandbox/base/unique_fd.hpp"
#include "tools/client/keys.hpp"
#include "tools/client/udp_client.hpp"
#include "tools/skerryctl/commands.hpp"
#include "tools/skerryctl/output.hpp"

namespace skerry::ctl {
namespace {

Failure usage(std::string code, std::string message) {
    return Failure{kExitUsage, std::move(code), std::move(message), {}};
}

Result<std::string> read_payload(const std::string& given) {
    if (given.empty() || given[0] != '@') return given;
    const std::string path = given.substr(1);
    UniqueFd opened;
    if (path != "-") {
        opened.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!opened) return errno_error("open " + path);
    }
    const int fd = path == "-" ? STDIN_FILENO : opened.get();
    std::string bytes;
    char block[16384];
    while (bytes.size() <= client::kMaxPayloadBytes) {
        const ssize_t n = ::read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read " + path);
        if (n == 0) return bytes;
        bytes.append(block, static_cast<std::size_t>(n));
    }
    return Error{EFBIG, path + ": more than " + std::to_string(client::kMaxPayloadBytes) +
                            " bytes, which is what one datagram carries"};
}

bool parse_id(const std::string& text, wire::RequestId& id) {
    if (text.size() != 32 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
        return false;
    std::from_chars(text.data(), text.data() + 16, id.hi, 16);
    std::from_chars(text.data() + 16, text.data() + 32, id.lo, 16);
    return id != wire::RequestId{};
}

std::string hex(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016" PRIx64, value);
    return text;
}

const char* retry_name(std::uint8_t status) {
    if (!is_known_status(status)) return "unknown";
    switch (info(static_cast<ReplyStatus>(status)).retry) {
        case Retry::done:
            return "done";
        case Retry::unstarted:
            return "unstarted";
        case Retry::unknown:
            break;
    }
    return "unknown";
}

Exit exit_of(std::uint8_t status) {
    if (status == static_cast<std::uint8_t>(ReplyStatus::ok)) return kExitOk;
    if (status == static_cast<std::uint8_t>(ReplyStatus::function_error)) return kExitFunctionError;
    return std::string_view(retry_name(status)) == "unknown" ? kExitUnknown : kExitFailed;
}

// Bytes of any kind as JSON: text if it is text, else base64.
bool is_utf8(const std::string& bytes) {
    try {
        (void)nlohmann::json(bytes).dump();
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

std::string base64(const std::string& bytes) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t block = 0;
        for (std::size_t j = 0; j < 3; ++j)
            block =
                block << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out += i + j > bytes.size() ? '=' : kDigits[block >> (18 - 6 * j) & 63];
    }
    return out;
}

nlohmann::json to_json(const client::Reply& r) {
    nlohmann::json out = {{"status", client::status_name(r.status)},
                          {"retry", retry_name(r.status)},
                          {"place", r.place},
                          {"version", r.version_key == 0 ? "" : hex(r.version_key)},
                          {"request_id", hex(r.id.hi) + hex(r.id.lo)},
                          {"cold", (r.flags & wire::flag::cold) != 0},
                          {"replayed", (r.flags & wire::flag::replayed) != 0},
                          {"maybe_repeated", (r.flags & wire::flag::maybe_repeated) != 0},
                          {"attempts", r.attempts},
                          {"queue_us", r.queue_us},
                          {"run_us", r.run_us},
                          {"elapsed_us", r.elapsed_us},
                          {"transmissions", r.transmissions},
                          {"challenges", r.challenges},
                          {"payload_bytes", r.payload.size()}};
    if (is_utf8(r.payload))
        out["payload"] = r.payload;
    else
        out["payload_base64"] = base64(r.payload);
    return out;
}

void print_about(const client::Reply& r) {
    const char* meaning = is_known_status(r.status)
                              ? info(static_cast<ReplyStatus>(r.status)).text.data()
                              : "a status that this skerryctl does not know";
    std::string flags;
    if (r.flags & wire::flag::cold) flags += ", cold start";
    if (r.flags & wire::flag::replayed) flags += ", replayed";
    if (r.flags & wire::flag::maybe_repeated) flags += ", maybe repeated";
    std::fprintf(stderr, "%s: %s%s\n", client::status_name(r.status).c_str(), meaning,
                 flags.c_str());
    std::fprintf(stderr, "where %s, version %s, regions asked %u\n",
                 r.place.empty() ? "-" : r.place.c_str(),
                 r.version_key == 0 ? "-" : hex(r.version_key).c_str(), r.attempts);
    std::fprintf(stderr,
                 "elapsed %" PRIu64 " us, waited %u us, ran %u us, sent %u time(s), id %s%s\n",
                 r.elapsed_us, r.queue_us, r.run_us, r.transmissions, hex(r.id.hi).c_str(),
                 hex(r.id.lo).c_str());
}

// Whatever the function wrote, for a terminal.
void print_tail(std::string_view tail) {
    while (!tail.empty()) {
        const std::string_view line = tail.substr(0, tail.find('\n'));
        std::fprintf(stderr, "| %s\n", printable(line).c_str());
        tail.remove_prefix(std::min(tail.size(), line.size() + 1));
    }
}

Failure failure_of(const Error& error, const std::string& pop) {
    const std::string text = pop + ": " + error.text;
    switch (error.code) {
        case ETIMEDOUT:
            return {kExitUnknown, "no-answer", text, {}};
        case EMSGSIZE:
            return {kExitUsage, "too-large", text, {}};
        case EINVAL:
            return usage("bad-value", text);
        default:
            return {kExitUnreachable,
                    "unreachable",
                    text + "; next: is this a POP's address? (--pop, or SKERRY_POP)",
                    {}};
    }
}

}  // namespace

int invoke(const Common& common, const InvokeOptions& options) {
    if (options.pop.empty())
        return report(usage("no-pop", "where to? --pop ADDR[:PORT], or SKERRY_POP"), common.json);
    auto pop = client::parse_endpoint(options.pop);
    if (!pop) return report(usage("bad-pop", "--pop: " + pop.error().text), common.json);
    auto payload = read_payload(options.payload);
    if (!payload)
        return report(usage("bad-payload", "--payload: " + payload.error().text), common.json);
    client::Invocation invocation;
    invocation.function_key = client::function_key(options.name);
    invocation.payload = *payload;
    invocation.deadline_ms = options.deadline_ms;
    invocation.retransmit = !options.no_retransmit;
    invocation.want_tail = options.tail;
    invocation.idempotent = options.idempotent;
    if (!options.qualifier.empty()) {
        auto key = client::version_key(options.qualifier);
        if (!key) key = client::alias_key(options.qualifier);
        if (!key)
            return report(usage("bad-qualifier",
                                "--qualifier: needed are 16 to 64 hex digits, or an alias: 1 to 63 "
                                "of a-z, A-Z, 0-9, - and _"),
                          common.json);
        invocation.qualifier = *key;
    }
    if (!options.id.empty() && !parse_id(options.id, invocation.id))
        return report(usage("bad-id", "--id: needed are 32 of 0-9 and a-f, not all 0"),
                      common.json);
    auto client = client::UdpClient::connect(*pop);
    if (!client) return report(failure_of(client.error(), pop->to_string()), common.json);
    auto reply = client->invoke(invocation);
    if (!reply) return report(failure_of(reply.error(), pop->to_string()), common.json);
    const Exit code = exit_of(reply->status);
    if (common.json) {
        nlohmann::json out = to_json(*reply);
        if (options.tail) {
            const bool text = is_utf8(reply->tail);
            out[text ? "tail" : "tail_base64"] = text ? reply->tail : base64(reply->tail);
        }
        print_json(out);
        return code;
    }
    std::fwrite(reply->payload.data(), 1, reply->payload.size(), stdout);
    std::fflush(stdout);
    print_about(*reply);
    if (options.tail) print_tail(reply->tail);
    return code;
}

}  // namespace skerry::ctl
