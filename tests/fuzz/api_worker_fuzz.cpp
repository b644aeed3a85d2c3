// The fuzzer is a hostile worker that speaks the Runtime API, at the other end of real sockets,
// against the real dispatcher and its io_uring: it connects, talks, stalls, hangs up and dies when
// it likes. Whatever it does, each invocation is answered once, no slot is lost, nobody is told a
// byte of another invocation, nothing is written to its memory once its slot has left the core, no
// descriptor is left; and a worker that behaves from then on is served.
#include <cstring>
#include <memory>
#include <optional>

#include "dataplane/dispatch/dispatcher.hpp"
#include "sandbox/runtime_api/pump.hpp"
#include "tests/fuzz/api_clients.hpp"
#include "tests/fuzz/api_end.hpp"
#include "tools/bench.d/rig.hpp"

namespace {

using namespace skerry;
using fuzz::ApiClient;
using fuzz::kResponseArea;
using fuzz::Worker;

constexpr std::size_t kClients = 8;
constexpr std::size_t kSegment = 40'000;        // of a request
constexpr std::uint32_t kInvocationsMax = 100;  // of one input: their marks differ
constexpr int kPatienceTurns = 50'000;
constexpr int kRounds = 30;  // more than what waits in a listener's queue

// make_corpus.py knows them by their numbers. '@': the id of the invocation that runs; '$': of the
// one before; '#': forty marks.
constexpr const char* kPhrases[] = {
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
    "POST /2018-06-01/runtime/invocation/@/response HTTP/1.1\r\nContent-Length: 40\r\n\r\n#",
    "POST /2018-06-01/runtime/invocation/@/response HTTP/1.1\r\n",
    "POST /2018-06-01/runtime/invocation/@/error HTTP/1.1\r\n",
    "POST /2018-06-01/runtime/invocation/$/response HTTP/1.1\r\nContent-Length: 40\r\n\r\n#",
    "GET /2020-01-01/extension/event/next HTTP/1.1\r\n\r\n",
    "GET /2018-06-01/ping HTTP/1.1\r\n\r\n",
    "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nConnection: close\r\n\r\n",
    "Content-Length: 40\r\n",
    "Content-Length: 1100\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "\r\n",
    "28\r\n#\r\n",
    "0\r\n\r\n",
    "#",
};

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return empty() ? 0 : *at_++; }
    // What is no mark.
    std::string take(std::size_t bytes) {
        std::string text;
        while (bytes-- != 0 && !empty()) text += static_cast<char>(byte() & 0x7f);
        return text;
    }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

bench::Rig& rig() {
    static bench::Rig* made = [] {
        bench::start_eal(64);
        return new bench::Rig({.devargs = "net_null0",
                               .mbufs = 1023,
                               .reply_cache_entries = 1024,
                               .reply_window_ms = 0});
    }();
    return *made;
}

Ring& ring() {
    static std::unique_ptr<Ring> made = [] {
        auto ring = Ring::create();
        SKERRY_CHECK(ring && (*ring)->enable() == 0);
        return std::move(*ring);
    }();
    return *made;
}

class Scene {
  public:
    Scene() { replace(); }

    void step(Input& input) {
        const std::uint8_t what = input.byte();
        const std::size_t index = (what >> 4) % kClients;
        std::optional<ApiClient>& client = clients_[index];
        switch (what & 15) {
            case 0:
                if (started_ != kInvocationsMax) (void)start(input.byte());
                break;
            case 1:
                bury(client);
                client.emplace(worker().address);
                break;
            case 2:
            case 3: {
                const std::string text = phrase(input.byte());
                if (client) client->prepare(text);
                if (client) client->push((what & 15) == 2 ? text.size() : input.byte());
                break;
            }
            case 4: {
                const std::string text = input.take(input.byte());
                if (client) client->prepare(text);
                if (client) client->push(text.size());
                break;
            }
            case 5:
                if (client) client->prepare(std::string(std::size_t{17} * input.byte(), mark()));
                break;
            case 6:
                if (client) client->push(~std::size_t{0});
                break;
            case 7:
                if (client) client->hear(1u + input.byte() * 64u);
                break;
            case 8:
                if (client) client->end(static_cast<fuzz::End>(input.byte() % 3));
                break;
            case 9:
                timer(input.byte() % 2 == 0);
                break;
            case 10:
                storm(input.byte() % 24u, static_cast<fuzz::End>(index % 2));
                break;
            case 11:
                worker().channel.dead.store(true, std::memory_order_release);
                break;
            case 12:
                turn(false);
                break;
            default:
                turn(true);
        }
        after();
    }

    // From here on the worker behaves. What it has said before is still there to be heard: in the
    // sockets, and in the queue of those that nobody has accepted yet.
    void behave() {
        for (std::optional<ApiClient>& client : clients_) bury(client);
        // A worker that is dead, or at fault, ends; its successor is well.
        if (worker().channel.dead.load() || worker().channel.fault.load() != WorkerFault::none)
            worker().channel.dead.store(true);
        turn(true);
        after();
        settle();
        int served = 0;
        for (int round = 0; round < kRounds && served < 2; ++round)
            served = serve() ? served + 1 : 0;
        SKERRY_CHECK(served == 2);
    }

    // Everything ends.
    void finish() {
        for (std::optional<ApiClient>& client : clients_) bury(client);
        worker().channel.dead.store(true, std::memory_order_release);
        turn(true);
        SKERRY_CHECK(!running() && dispatcher().api_in_flight() == 0);
        if (answers_.size() < started_) take_answer();
        SKERRY_CHECK(answers_.size() == started_);
        SKERRY_CHECK(table().free_slots.exchange(0) + table().take_retired() == 1);
        worker().destroy();
        ring().submit();
        for (int i = 0; i < 3; ++i) turn(true);
        for (const auto& each : workers_) each->check_frozen();
    }

  private:
    static Context& context() { return rig().core->context(); }
    static Dispatcher& dispatcher() {
        static Dispatcher made(context(), ring(), false);
        return made;
    }
    static CapacityEntry& table() { return rig().shared.capacity->entries[0]; }
    static bool running() { return dispatcher().in_flight() != 0; }
    Worker& worker() { return *workers_.back(); }
    char mark() const { return static_cast<char>(0x80 | started_); }

    // Nobody can know it before.
    std::string id(std::uint32_t number) const {
        char text[40];
        const std::uint64_t low = low_of(number);
        std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", 0x1234u, 0u, 0x4000u,
                      static_cast<unsigned>(low >> 48), low & 0xffff'ffff'ffffull);
        return text;
    }
    std::uint64_t low_of(std::uint32_t number) const {
        return (first_ + number) * 0x9e37'79b9'7f4a'7c15ull;
    }
    std::string phrase(std::uint8_t number) const {
        std::string text;
        for (const char* c = kPhrases[number % std::size(kPhrases)]; *c != '\0'; ++c) {
            if (*c == '@' || *c == '$')
                text += id(*c == '@' || started_ == 0 ? started_ : started_ - 1);
            else
                text += *c == '#' ? std::string(40, mark()) : std::string(1, *c);
        }
        return text;
    }
    std::string response(const std::string& body) const {
        return phrase(2) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

    void replace() {
        static std::uint64_t generation = 0;
        workers_.push_back(std::make_unique<Worker>(++generation));
        ApiClient client(worker().address);
        client.prepare(kPhrases[0]);
        client.push(~std::size_t{0});
        std::uint8_t news = 0;
        while (news == 0)
            news = runtime_api::pump(worker().end->peer, worker().end->listener.get());
        SKERRY_CHECK(news == runtime_api::kAsked);
        clients_[0].emplace(std::move(client));
        worker().frozen = worker().memory();
        rig().shared.capacity->refs[0][0] = {&worker().channel, 0};
        table().add(0);
    }

    bool start(std::uint8_t size) {
        if (running()) return false;
        worker().check_frozen();
        const Claim claim = dispatcher().claim(0);
        if (claim.channel == nullptr) return false;
        worker().frozen.clear();
        ++started_;
        index_ = context().invocations.allocate();
        SKERRY_CHECK(index_ != kNoInvocation);
        Invocation& invocation = context().invocations[index_];
        invocation.path.peer = *net::IpAddress::parse(bench::kClientAddress);
        invocation.path.local = *net::IpAddress::parse(bench::kServerAddress);
        invocation.header.request_id_hi.set(0x1234'0000'4000ull);
        invocation.header.request_id_lo.set(low_of(started_));
        const auto found = find();
        SKERRY_CHECK(found.seen == wire::Seen::fresh);
        context().cache.bind(found.entry, index_);
        invocation.cache_entry = found.entry;
        invocation.entry = 0;
        invocation.timeout_us = 10'000'000;
        invocation.deadline_tsc = context().now_tsc + 10 * context().tsc_hz;
        std::string payload;
        for (std::uint32_t i = 0; i < size * 257u; ++i)
            payload += static_cast<char>('!' + (i + 7 * started_) % 90);
        std::string message(sizeof(wire::Header), '\0');
        wire::Header header = invocation.header;
        header.payload_bytes.set(static_cast<std::uint32_t>(payload.size()));
        std::memcpy(message.data(), &header, sizeof header);
        message += payload;
        told_[id(started_)] = payload;
        // In two packets, if it does not fit one.
        const std::size_t first_bytes = std::min<std::size_t>(message.size(), kSegment);
        rte_mbuf rest = segment(message.data() + first_bytes, message.size() - first_bytes);
        rte_mbuf first = segment(message.data(), first_bytes);
        if (rest.data_len != 0) first.next = &rest;
        dispatcher().start(index_, claim, reinterpret_cast<const wire::Header*>(message.data()),
                           &first);
        return true;
    }
    static rte_mbuf segment(char* data, std::size_t bytes) {
        rte_mbuf made{};
        made.buf_addr = data;
        made.data_len = static_cast<std::uint16_t>(bytes);
        return made;
    }
    wire::ReplyCache::Found find() {
        net::Path path;
        path.peer = *net::IpAddress::parse(bench::kClientAddress);
        path.local = *net::IpAddress::parse(bench::kServerAddress);
        return context().cache.find_or_reserve(
            context().cache.tag(path, {0x1234'0000'4000ull, low_of(started_)}), bench::kFunctionKey,
            context().now_ms);
    }

    // As Core::turn() does it. `all`: what waits for this thread is let finish first.
    static void turn(bool all) {
        context().begin_turn();
        if (all) ring().finish_work();
        ring().finish_due_work();
        ring().completions([&](std::uint64_t tag, int result, bool armed) {
            if (tag & Dispatcher::kOwnTags) dispatcher().completed(tag, result, armed);
        });
        (void)dispatcher().collect();
        dispatcher().ring_workers();
        context().flush(0);
    }

    void timer(bool function_out_of_time) {
        if (!running()) return;
        Invocation& invocation = context().invocations[index_];
        context().begin_turn();
        if (function_out_of_time) invocation.timeout_us = 0;
        dispatcher().on_timer(index_);
    }

    void storm(std::size_t count, fuzz::End how) {
        while (count-- != 0) ApiClient(worker().address).end(how);
    }

    // What was answered lately, and whether the slot is back.
    void after() {
        if (answers_.size() < started_) take_answer();
        if (running()) return;
        SKERRY_CHECK(answers_.size() == started_);
        if (worker().frozen.empty()) {
            SKERRY_CHECK(ApiWorkers::settled(*worker().end) || retired());
            worker().frozen = worker().memory();
        }
        worker().check_frozen();
        if (worker().channel.dead.load() && table().free_slots.load() != 0)
            (void)dispatcher().claim(0);  // finds that it is dead
        if (!retired()) return;
        SKERRY_CHECK(table().free_slots.load() == 0);
        (void)table().take_retired();
        worker().destroy();
        replace();
    }
    static bool retired() { return table().retired_slots.load() != 0; }

    void take_answer() {
        const auto found = find();
        if (found.seen == wire::Seen::in_flight) return;
        SKERRY_CHECK(found.seen == wire::Seen::answered);
        std::string reply(reinterpret_cast<const char*>(found.reply), found.reply_bytes);
        reply.erase(0, sizeof(wire::Header));
        SKERRY_CHECK(reply.size() <= kResponseArea);
        for (const char c : reply) SKERRY_CHECK((c & 0x80) == 0 || c == mark());
        answers_.push_back(std::move(reply));
    }

    void bury(std::optional<ApiClient>& client) {
        if (!client) return;
        client->hear(1 << 20);
        client->check(told_);
        client.reset();
    }

    template <typename Condition>
    void turn_until(Condition condition) {
        for (int i = 0; i < kPatienceTurns; ++i) {
            turn(true);
            after();
            if (condition()) return;
            if (i > 50) ::usleep(100);  // the network's work may have been put off
        }
        SKERRY_CHECK(!"what had to happen did not");
    }
    // Once the server has taken from its queue what a storm has left there.
    ApiClient reach() {
        std::optional<ApiClient> client;
        turn_until([&] {
            client.emplace(worker().address);
            return client->connected();
        });
        return std::move(*client);
    }
    // One call on a connection of its own, as curl makes it; once more if there was no room.
    std::string call(const std::string& text) {
        for (int attempt = 0;; ++attempt) {
            ApiClient client = reach();
            client.prepare(text);
            turn_until([&] {
                client.push(~std::size_t{0});
                client.hear(1 << 20);
                return client.ended() || whole(client.heard()) || !running();
            });
            client.check(told_);
            if (!client.heard().empty() || !running() || attempt == 3) return client.heard();
        }
    }
    static bool whole(const std::string& answer) {
        const std::size_t at = answer.find("Content-Length: ");
        const std::size_t body = answer.find("\r\n\r\n");
        return at < body && body != std::string::npos &&
               answer.size() >= body + 4 + std::strtoul(&answer[at + 16], nullptr, 10);
    }
    // It asks until the slot is the table's again. As long as it has not answered it is told of the
    // invocation once more, if it was not told often enough.
    void settle() {
        for (int round = 0; round < kRounds && running(); ++round) {
            bury(clients_[0]);
            clients_[0].emplace(reach());
            clients_[0]->prepare(phrase(0));
            listen();
            if (running()) (void)call(response("late"));
        }
        SKERRY_CHECK(!running());
    }
    // One invocation; whether the worker had it from beginning to end.
    bool serve() {
        SKERRY_CHECK(start(1));
        const std::string& payload = told_.at(id(started_));
        const std::string heard = clients_[0] ? listen() : call(phrase(0));
        const bool well = heard.find("\r\n\r\n" + payload) != std::string::npos &&
                          call(response("fine")).starts_with("HTTP/1.1 202 ");
        SKERRY_CHECK(!well || answers_.back() == "fine");
        settle();
        return well;
    }
    std::string listen() {
        turn_until([&] {
            clients_[0]->push(~std::size_t{0});
            clients_[0]->hear(1 << 20);
            return !running() || clients_[0]->ended() || whole(clients_[0]->heard());
        });
        return clients_[0]->heard();
    }

    static inline std::uint64_t inputs_ = 0;
    const std::uint64_t first_ = ++inputs_ << 8;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::optional<ApiClient> clients_[kClients];
    fuzz::Told told_;
    std::vector<std::string> answers_;
    std::uint32_t started_ = 0;
    std::uint32_t index_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    fuzz::own_network();
    (void)rig();
    (void)ring();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::uint32_t invocations = rig().core->context().invocations.used();
    const int open = fuzz::descriptors();
    {
        Scene scene;
        Input input(data, size);
        for (int step = 0; step < 256 && !input.empty(); ++step) scene.step(input);
        if (size % 4 != 0) scene.behave();
        scene.finish();
    }
    SKERRY_CHECK(rig().core->context().invocations.used() == invocations);
    SKERRY_CHECK(fuzz::descriptors() == open);
    return 0;
}
