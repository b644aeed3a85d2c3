// Names, options and errors of the Invoke API, as bytes in and bytes out; dates; traces.
#include <gtest/gtest.h>

#include "dataplane/http/trace.hpp"
#include "tests/dataplane/http/memory.hpp"

namespace skerry::http::testing {
namespace {

struct Name {
    const char* name;
    const char* query;
    const char* function;
    const char* qualifier;
};

TEST(HttpRequests, NamesInAllTheirForms) {
    const Name names[] = {
        {"echo", "", "echo", ""},
        {"a-b_c.9", "", "a-b_c.9", ""},
        {"echo", "?Qualifier=live", "echo", "live"},
        {"echo", "?x=y&Qualifier=12&z", "echo", "12"},
        {"echo", "?Qualifier=%24LATEST", "echo", ""},
        {"echo", "?qualifier=other", "echo", ""},
        {"echo:live", "", "echo", "live"},
        {"echo:live", "?Qualifier=live", "echo", "live"},
        {"echo%3Alive", "", "echo", "live"},
        {"echo:$LATEST", "", "echo", ""},
        {"%65cho", "", "echo", ""},
        {"123456789012:echo", "", "echo", ""},
        {"123456789012:function:echo", "", "echo", ""},
        {"123456789012:function:echo:live", "", "echo", "live"},
        {"function:echo", "", "echo", ""},
        {"arn:aws:lambda:us-east-1:123456789012:function:echo", "", "echo", ""},
        {"arn%3Aaws-cn%3Alambda%3Acn-north-1%3A123456789012%3Afunction%3Aecho%3Av_1", "", "echo",
         "v_1"},
        {"123456789012", "", "123456789012", ""},
        {"123456789012:live", "", "live", ""},
    };
    for (const Name& it : names) {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, "POST /2015-03-31/functions/" + std::string(it.name) + "/invocations" +
                        it.query + " HTTP/1.1\r\nHost: h\r\n\r\n");
        ASSERT_EQ(rig.invocations.all.size(), 1u) << it.name << ": " << rig.heard(c);
        EXPECT_EQ(rig.invocations.all[0].function, it.function) << it.name;
        EXPECT_EQ(rig.invocations.all[0].qualifier, it.qualifier) << it.name;
    }
}

TEST(HttpRequests, WrongNamesAreToldApart) {
    const std::string long_name(65, 'n');
    const std::pair<std::string, int> paths[] = {
        {"/2015-03-31/functions/a%2/invocations", 400},
        {"/2015-03-31/functions/a%zz/invocations", 400},
        {"/2015-03-31/functions/a%00/invocations", 400},
        {"/2015-03-31/functions/a%2Fb/invocations", 400},
        {"/2015-03-31/functions/a+b/invocations", 400},
        {"/2015-03-31/functions/" + long_name + "/invocations", 400},
        {"/2015-03-31/functions/" + std::string(300, 'n') + "/invocations", 400},
        {"/2015-03-31/functions/a:/invocations", 400},
        {"/2015-03-31/functions/a:b:c/invocations", 400},
        {"/2015-03-31/functions/:b/invocations", 400},
        {"/2015-03-31/functions/arn:aws:s3:::b/invocations", 400},
        {"/2015-03-31/functions/a:b/invocations?Qualifier=c", 400},
        {"/2015-03-31/functions/a/invocations?Qualifier=b&Qualifier=b", 400},
        {"/2015-03-31/functions/a/invocations?Qualifier=b%20c", 400},
        {"/2015-03-31/functions/a/invocations?Qualifier=" + std::string(129, 'q'), 400},
        {"/2015-03-31/functions//invocations", 404},
        {"/2015-03-31/functions/a/b/invocations", 404},
        {"/2015-03-31/functions/a/invocations/", 404},
        {"/2015-03-31/functions/a", 404},
        {"/", 404},
        {"/healthz/", 404},
    };
    for (const auto& [path, status] : paths) {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}" + get());
        const std::string heard = rig.heard(c);
        EXPECT_TRUE(heard.starts_with("HTTP/1.1 " + std::to_string(status))) << path << heard;
        EXPECT_TRUE(heard.ends_with("ok\n")) << path;  // the connection goes on
    }
}

TEST(HttpRequests, OptionsOfAnInvocation) {
    const auto status = [](const std::string& fields) {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, post("{}", fields));
        if (!rig.invocations.all.empty()) return 0;
        return std::stoi(rig.heard(c).substr(9, 3));
    };
    EXPECT_EQ(status("X-Amz-Invocation-Type: RequestResponse\r\nX-Amz-Log-Type: None\r\n"), 0);
    EXPECT_EQ(status("X-Amz-Log-Type: Tail\r\n"), 0);
    EXPECT_EQ(status("Content-Encoding: identity\r\nContent-Type: text/plain\r\n"), 0);
    EXPECT_EQ(status("X-Amz-Invocation-Type: Event\r\n"), 0);
    EXPECT_EQ(status("X-Amz-Invocation-Type: event\r\n"), 400);
    EXPECT_EQ(status("X-Amz-Invocation-Type: DryRun\r\n"), 204);
    EXPECT_EQ(status("X-Amz-Log-Type: All\r\n"), 400);
    EXPECT_EQ(status("x-skerry-idempotent: false\r\n"), 0);
    EXPECT_EQ(status("x-skerry-idempotent: True\r\n"), 400);
    EXPECT_EQ(status("Content-Encoding: gzip\r\n"), 415);
    EXPECT_EQ(status("Expect: something\r\n"), 417);
}

TEST(HttpRequests, ACallerMaySayThatTwiceDoesNoHarm) {
    for (const bool says_so : {false, true}) {
        Rig rig;
        rig.send(rig.open(), post("{}", says_so ? "X-Skerry-Idempotent: true\r\n" : ""));
        ASSERT_EQ(rig.invocations.all.size(), 1u);
        EXPECT_EQ(rig.invocations.all[0].call.idempotent, says_so);
    }
}

// Whatever else it asks for: nobody waits for a log.
TEST(HttpRequests, EventsAreKeptForLater) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("{\"a\":1}", "X-Amz-Invocation-Type: Event\r\nX-Amz-Log-Type: Tail\r\n"));
    ASSERT_EQ(rig.invocations.all.size(), 1u);
    const auto& started = rig.invocations.all[0];
    EXPECT_TRUE(started.call.later);
    EXPECT_FALSE(started.call.wants_tail);
    EXPECT_EQ(started.payload, "{\"a\":1}");
}

// Looked up, and its length held against the limit; its body is read past.
TEST(HttpRequests, DryRuns) {
    const auto dry = [](const Answer& refusal) {
        Rig rig;
        rig.invocations.refusal = refusal;
        const auto c = rig.open();
        rig.send(c, post("{\"a\":1}", "X-Amz-Invocation-Type: DryRun\r\n"));
        const std::string heard = rig.heard(c);
        rig.send(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(rig.heard(c).ends_with("ok\n"));
        EXPECT_TRUE(rig.invocations.all.empty());
        return heard;
    };
    const std::string good = dry({});
    EXPECT_TRUE(good.starts_with("HTTP/1.1 204 No Content\r\n")) << good;
    EXPECT_NE(good.find("\r\nx-amzn-RequestId: "), std::string::npos);
    EXPECT_TRUE(good.ends_with("\r\n\r\n"));
    const std::string none =
        dry({.status = ReplyStatus::no_such_function, .reason = Reason::refused_no_function});
    EXPECT_TRUE(none.starts_with("HTTP/1.1 404 Not Found\r\n")) << none;
    EXPECT_TRUE(none.ends_with(R"({"Type":"User","Message":"Function not found: echo"})"));
    const std::string large = dry(
        {.status = ReplyStatus::too_large, .reason = Reason::refused_too_large, .limit_bytes = 5});
    EXPECT_TRUE(large.starts_with("HTTP/1.1 413 Content Too Large\r\n")) << large;
}

// The Fetch standard's protocol: what a browser must read before a web page may.
TEST(HttpRequests, WebPagesThatMay) {
    Options options;
    options.allow_origin = "https://app.example";
    Rig rig(options);
    const auto c = rig.open();
    const std::string path = "/2015-03-31/functions/echo/invocations";
    rig.send(c, "OPTIONS " + path +
                    " HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n"
                    "Access-Control-Request-Method: POST\r\n\r\n");
    const std::string preflight = rig.heard(c);
    EXPECT_TRUE(preflight.starts_with("HTTP/1.1 204 ")) << preflight;
    for (const char* field : {"Access-Control-Allow-Origin: https://app.example\r\n",
                              "Access-Control-Allow-Methods: POST, OPTIONS\r\n",
                              "Access-Control-Allow-Headers: *, Authorization\r\n"})
        EXPECT_NE(preflight.find(field), std::string::npos) << field << preflight;
    rig.send(c, post("{}", "Origin: https://app.example\r\n"));
    rig.answer(0, "1");
    EXPECT_NE(rig.heard(c).find("Access-Control-Allow-Origin: https://app.example\r\n"
                                "Access-Control-Expose-Headers: *\r\n"),
              std::string::npos);
    // Errors can be read, too; and who is no page is told nothing of it.
    rig.send(c, "GET /x HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n");
    EXPECT_NE(rig.heard(c).find("Access-Control-Allow-Origin"), std::string::npos);
    rig.send(c, get());
    EXPECT_EQ(rig.heard(c).find("Access-Control"), std::string::npos);
    // A head that was not understood has no Origin, whatever the one before had.
    rig.send(c, "GET /x HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n");
    rig.heard(c);
    rig.send(c, "nonsense\r\n\r\n");
    EXPECT_EQ(rig.heard(c).find("Access-Control"), std::string::npos);
}

TEST(HttpRequests, WebPagesThatMayNot) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, get("/healthz", "Origin: https://app.example\r\n"));
    EXPECT_EQ(rig.heard(c).find("Access-Control"), std::string::npos);
}

TEST(HttpRequests, WhatTheFieldsSayIsPassedOn) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("{}",
                     "x-amz-log-type: Tail\r\ntraceparent: "
                     "00-0123456789abcdef0123456789abcdee-00f067aa0ba902b7-01\r\n"));
    const Call& call = rig.invocations.all.at(0).call;
    EXPECT_TRUE(call.wants_tail);
    EXPECT_EQ(call.trace_id_hi, 0x0123456789abcdefu);
    EXPECT_EQ(call.trace_id_lo, 0x0123456789abcdeeu);
    EXPECT_EQ(call.span_id, 0x00f067aa0ba902b7u);
}

TEST(HttpRequests, AClientContextIsAnObjectInBase64) {
    const auto told = [](const std::string& field, const std::string& more = "") {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, post("{}", "X-Amz-Client-Context: " + field + "\r\n" + more));
        if (!rig.invocations.all.empty())
            return std::string(rig.invocations.all[0].call.client_context);
        const std::string heard = rig.heard(c);
        EXPECT_TRUE(heard.starts_with("HTTP/1.1 400 Bad Request\r\n")) << heard;
        EXPECT_NE(heard.find("x-amzn-ErrorType: InvalidRequestContentException\r\n"),
                  std::string::npos);
        rig.send(c, get());
        EXPECT_TRUE(rig.heard(c).ends_with("ok\n")) << "the connection goes on";
        return heard.substr(heard.find("\r\n\r\n") + 4);
    };
    const std::string bad =
        R"({"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."})";
    EXPECT_EQ(told("e30="), "{}");
    EXPECT_EQ(told("e30"), "{}") << "without its padding";
    EXPECT_EQ(told("eyJhIjoiw6QifQ=="), R"({"a":"ä"})");
    EXPECT_EQ(told(""), "") << "nothing was said";
    for (const char* field : {"{}", "e30=e30=", "e30==", "e3-=", "e", "=", "====", "e 30=",
                              "bnVsbA==" /* null */, "W10=" /* [] */, "e30se30=" /* {},{} */,
                              "eyJh" /* {"a */, "MQ==" /* 1 */, "eyJhIjoi/yJ9" /* no UTF-8 */})
        EXPECT_EQ(told(field), bad) << field;
    EXPECT_EQ(told("bnVsbA==", "X-Amz-Invocation-Type: DryRun\r\n"), bad);
    // {"a":"bbb…"}, 3580 characters of base64; another four are too many.
    const auto as_long = [](std::size_t characters) {
        std::string field = "eyJhIjoi";
        while (field.size() + 4 < characters) field += "YmJi";
        return field + "YiJ9";
    };
    EXPECT_EQ(told(as_long(3580)).size(), 2685u);
    EXPECT_NE(told(as_long(3584)).find("no longer than 3583 bytes"), std::string::npos);
}

TEST(HttpRequests, AnswersSayTheirTrace) {
    const auto field_of = [](const std::string& heard) {
        const std::string name = "\r\nX-Amzn-Trace-Id: ";
        const std::size_t at = heard.find(name);
        return at == std::string::npos
                   ? std::string()
                   : heard.substr(at + name.size(), heard.find("\r\n", at + 2) - at - name.size());
    };
    Rig rig;
    const auto c = rig.open();
    const auto asked = [&](const std::string& fields) {
        rig.invocations.all.clear();
        rig.send(c, post("{}", fields));
        rig.answer(0, "1");
        return field_of(rig.heard(c));
    };
    const std::string root = "Root=1-58406520-a006649127e371903a2de979";
    EXPECT_EQ(asked("X-Amzn-Trace-Id: " + root + "\r\n"), root + ";Sampled=0");
    EXPECT_EQ(asked("X-Amzn-Trace-Id: " + root + ";Parent=00f067aa0ba902b7;Sampled=1\r\n"),
              root + ";Parent=00f067aa0ba902b7;Sampled=0");
    EXPECT_EQ(asked("traceparent: 00-0123456789abcdef0123456789abcdee-00f067aa0ba902b7-01\r\n"),
              "Root=1-01234567-89abcdef0123456789abcdee;Parent=00f067aa0ba902b7;Sampled=0");
    // Who says none gets a new one, of this second; the function is told the same.
    std::string before;
    for (const char* none : {"", "X-Amzn-Trace-Id: nonsense\r\n"}) {
        const std::string made = asked(none);
        EXPECT_TRUE(made.starts_with("Root=1-6b0b32c0-")) << made;
        EXPECT_TRUE(made.ends_with(";Sampled=0") && made.size() == 50) << made;
        EXPECT_NE(made, before);
        before = made;
        EXPECT_EQ(rig.invocations.all[0].call.trace_id_hi >> 32, 0x6b0b32c0u);
    }
    // Errors have it, too; pages are no invocations.
    Answer gone;
    gone.status = ReplyStatus::no_such_function;
    gone.reason = Reason::refused_no_function;
    rig.invocations.refusal = gone;
    rig.send(c, post("{}", "X-Amzn-Trace-Id: " + root + "\r\n"));
    EXPECT_EQ(field_of(rig.heard(c)), root + ";Sampled=0");
    rig.send(c, get());
    EXPECT_EQ(field_of(rig.heard(c)), "");
}

struct Wrong {
    ReplyStatus status;
    Reason reason;
    std::uint64_t limit;
    const char* head;
    const char* type;
    const char* body;
};

TEST(HttpRequests, ErrorsAreThoseOfLambda) {
    const Wrong wrongs[] = {
        {ReplyStatus::no_such_function, Reason::refused_no_function, 0, "404 Not Found",
         "ResourceNotFoundException",
         R"({"Type":"User","Message":"Function not found: echo:live"})"},
        {ReplyStatus::too_large, Reason::refused_too_large, 6291456, "413 Content Too Large",
         "RequestTooLargeException",
         R"({"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"})"},
        {ReplyStatus::overloaded, Reason::refused_no_capacity, 0, "429 Too Many Requests",
         "TooManyRequestsException",
         R"({"Type":"User","Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."})"},
        {ReplyStatus::too_many_hops, Reason::refused_hops, 0, "400 Bad Request",
         "RecursiveInvocationException",
         R"({"Type":"User","Message":"the hop limit is reached: a forwarding loop"})"},
        {ReplyStatus::draining, Reason::refused_draining, 0, "503 Service Unavailable",
         "ServiceUnavailableException",
         R"({"Type":"Service","Message":"this server is being drained"})"},
        {ReplyStatus::start_failed, Reason::failed_start, 0, "502 Bad Gateway",
         "InvalidRuntimeException",
         R"({"Type":"Service","Message":"no worker of the function could be started"})"},
        {ReplyStatus::deadline_exceeded, Reason::failed_deadline, 0, "504 Gateway Timeout",
         "ServiceException",
         R"({"Type":"Service","Message":"the deadline passed while the request was being executed"})"},
        {ReplyStatus::reply_gone, Reason::refused_reply_gone, 0, "500 Internal Server Error",
         "ServiceException",
         R"({"Type":"Service","Message":"already executed, and the reply is not kept, or not any more: not executed again"})"},
    };
    for (const Wrong& wrong : wrongs) {
        Rig rig;
        rig.invocations.refusal = {.status = wrong.status, .reason = wrong.reason};
        rig.invocations.refusal.limit_bytes = wrong.limit;
        const auto c = rig.open();
        rig.send(c, post("{}", "", "echo:live"));
        const std::string heard = rig.heard(c);
        EXPECT_TRUE(heard.starts_with("HTTP/1.1 " + std::string(wrong.head) + "\r\n")) << heard;
        EXPECT_NE(heard.find("\r\nx-amzn-ErrorType: " + std::string(wrong.type) + "\r\n"),
                  std::string::npos);
        EXPECT_NE(heard.find("\r\nContent-Type: application/json\r\nContent-Length: " +
                             std::to_string(std::strlen(wrong.body)) + "\r\n\r\n" + wrong.body),
                  std::string::npos)
            << heard;
        const bool later =
            wrong.status == ReplyStatus::overloaded || wrong.status == ReplyStatus::draining;
        EXPECT_EQ(heard.find("Retry-After: 1\r\n") != std::string::npos, later);
    }
}

TEST(HttpRequests, FailedFunctionsAre200) {
    const auto heard = [](ReplyStatus status, std::string_view payload) {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, post("{}"));
        Answer answer;
        answer.status = status;
        rig.answer(0, payload, answer);
        const std::string text = rig.heard(c);
        EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
        EXPECT_NE(text.find("X-Amz-Function-Error: Unhandled\r\n"), std::string::npos);
        return text.substr(text.find("\r\n\r\n") + 4);
    };
    EXPECT_EQ(heard(ReplyStatus::function_error, R"({"errorMessage":"x"})"),
              R"({"errorMessage":"x"})");
    EXPECT_EQ(heard(ReplyStatus::worker_hung, R"({"errorType":"Sandbox.Timedout"})"),
              R"({"errorType":"Sandbox.Timedout"})");
    const std::string died = heard(ReplyStatus::worker_died, "");
    EXPECT_TRUE(
        died.starts_with(R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: )"));
    EXPECT_TRUE(died.ends_with(R"( Error: Runtime exited without providing a reason"})"));
    EXPECT_NE(heard(ReplyStatus::worker_hung, "").find("Sandbox.Timedout"), std::string::npos);
    EXPECT_NE(heard(ReplyStatus::worker_malformed, "").find("Runtime.Unknown"), std::string::npos);
    EXPECT_NE(heard(ReplyStatus::answer_too_large, "").find("Function.ResponseSizeTooLarge"),
              std::string::npos);
}

TEST(HttpRequests, EveryAnswerFits) {
    const std::string origin(128, 'o');
    // The longest name and qualifier, in the longest message.
    Rig rig;
    rig.invocations.refusal = {.status = ReplyStatus::no_such_version,
                               .reason = Reason::refused_no_version};
    const auto c = rig.open();
    rig.send(c, post("", "", std::string(64, 'n') + ":" + std::string(128, 'q')));
    EXPECT_TRUE(rig.heard(c).ends_with(std::string(128, 'q') + "\"}"));
    for (std::size_t i = 1; i < kRefusalCount; ++i) {
        std::array<char, kAnswerBytesMax> buffer;
        const Envelope envelope{.date = "Sat, 28 Nov 2026 20:00:00 GMT", .allow_origin = origin};
        EXPECT_NE(refusal_text(AnswerBuffer(buffer), envelope, static_cast<Refusal>(i),
                               allowed(Route::invoke), ~0ull),
                  "");
    }
    for (std::size_t status = 0; status < kStatusCount; ++status) {
        for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
            std::array<char, kAnswerBytesMax> buffer;
            const Envelope envelope{.date = "Sat, 28 Nov 2026 20:00:00 GMT",
                                    .allow_origin = origin};
            Answer answer;
            answer.status = static_cast<ReplyStatus>(status);
            answer.reason = static_cast<Reason>(reason);
            answer.cold = true;
            answer.version_key = 1;
            std::fill(std::begin(answer.place), std::end(answer.place), 'p');
            EXPECT_NE(invocation_text(AnswerBuffer(buffer), envelope, answer, std::string(64, 'n'),
                                      std::string(128, 'q'))
                          .text,
                      "");
        }
    }
}

TEST(HttpRequests, Dates) {
    Date date;
    const std::pair<std::uint64_t, const char*> dates[] = {
        {1, "Thu, 01 Jan 1970 00:00:01 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868799, "Tue, 29 Feb 2000 23:59:59 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    };
    for (const auto& [unix_s, text] : dates) {
        date.update(unix_s);
        EXPECT_EQ(date.text(), text);
    }
}

TEST(HttpRequests, Traces) {
    const std::string good = "00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01";
    EXPECT_EQ(parse_traceparent(good).span_id, 0x00f067aa0ba902b7u);
    EXPECT_EQ(parse_traceparent("01" + good.substr(2) + "-more").span_id, 0x00f067aa0ba902b7u);
    for (const std::string& bad : std::vector<std::string>{
             std::string(), good + "0", good + "-x", good.substr(1), "ff" + good.substr(2),
             "01" + good.substr(2) + "x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
             "00-0123456789abcdef0123456789abcdef-0000000000000000-01",
             "00-0123456789ABCDEF0123456789abcdef-00f067aa0ba902b7-01"}) {
        const Trace trace = parse_traceparent(bad);
        EXPECT_EQ(trace.id_hi | trace.id_lo | trace.span_id, 0u) << bad;
    }
}

TEST(HttpRequests, TracesOfAws) {
    const std::string root = "Root=1-58406520-a006649127e371903a2de979";
    for (const std::string& good : {root, root + ";Parent=4c721bf33e3caf8f;Sampled=1",
                                    "Self=1-2-3; " + root + " ;Lineage=x"}) {
        const Trace trace = parse_amzn_trace_id(good);
        EXPECT_EQ(trace.id_hi, 0x58406520a0066491u) << good;
        EXPECT_EQ(trace.id_lo, 0x27e371903a2de979u) << good;
        EXPECT_EQ(trace.span_id,
                  good.find("Parent") == std::string::npos ? 0 : 0x4c721bf33e3caf8fu);
    }
    EXPECT_EQ(parse_amzn_trace_id(root + ";Parent=xyz").span_id, 0u);
    for (const std::string& bad : std::vector<std::string>{
             std::string(), ";", "Parent=4c721bf33e3caf8f", root + "0", root.substr(0, 39),
             "Root=2-58406520-a006649127e371903a2de979", "root=1-58406520-a006649127e371903a2de979",
             "Root=1-58406520_a006649127e371903a2de979", "Root=1-00000000-000000000000000000000000",
             "Root=1-58406520-A006649127E371903A2DE979", root + ";Root=1-x"}) {
        const Trace trace = parse_amzn_trace_id(bad);
        EXPECT_EQ(trace.id_hi | trace.id_lo | trace.span_id, 0u) << bad;
    }
}

}  // namespace
}  // namespace skerry::http::testing
