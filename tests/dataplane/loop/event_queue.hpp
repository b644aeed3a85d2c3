// The queue of events, played by the test: the other end of a core's four rings.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <string>

#include "dataplane/event/rings.hpp"
#include "dataplane/shared.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {

inline std::string post_event(const std::string& function, const std::string& body) {
    return "POST /2015-03-31/functions/" + function +
           "/invocations HTTP/1.1\r\nHost: a\r\nX-Amz-Invocation-Type: Event\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

class PlayedEventQueue {
  public:
    explicit PlayedEventQueue(Shared& shared) : shared_(shared) {}

    bool submitted(EventSubmission& submission) {
        return rte_ring_sc_dequeue_elem(shared_.event_submissions[0], &submission,
                                        sizeof submission) == 0;
    }
    static std::string payload_of(const EventSubmission& submission) {
        std::string all;
        for (const rte_mbuf* at = submission.message; at != nullptr; at = at->next)
            all.append(rte_pktmbuf_mtod(at, const char*), at->data_len);
        EXPECT_EQ(all.size(), wire::kHeaderBytes + submission.payload_bytes);
        return all.substr(wire::kHeaderBytes);
    }
    void say(const EventSubmission& submission, EventFate fate) {
        EventVerdict verdict{submission.slot, fate};
        EXPECT_EQ(rte_ring_sp_enqueue_elem(shared_.event_verdicts[0], &verdict, sizeof verdict), 0);
    }
    // `payload` is the caller's until it has ended.
    void run(std::uint32_t slot, const std::string& payload,
             std::uint64_t function = kFunctionKey) {
        EventRun run;
        run.payload = reinterpret_cast<const std::byte*>(payload.data());
        run.payload_bytes = static_cast<std::uint32_t>(payload.size());
        run.slot = slot;
        run.context_bytes = context_bytes;
        run.request_id_hi = 7;
        run.request_id_lo = slot;
        run.function_key = function;
        EXPECT_EQ(rte_ring_sp_enqueue_elem(shared_.event_runs[0], &run, sizeof run), 0);
    }
    void run(std::uint32_t, std::string&&, std::uint64_t = 0) = delete;
    std::uint32_t context_bytes = 0;  // of what run() brings, at its end
    bool ended(EventResult& result) {
        return rte_ring_sc_dequeue_elem(shared_.event_results[0], &result, sizeof result) == 0;
    }

  private:
    Shared& shared_;
};

}  // namespace skerry::test
