// The Runtime API row by row: bytes in, bytes out. Sources: AWS's description of version
// 2018-06-01, and the source of AWS's Runtime Interface Emulator for what that leaves open.
#include <gtest/gtest.h>

#include <vector>

#include "tests/sandbox/runtime_api/wire.hpp"

namespace {

using namespace skerry::test;

// What the worker has done before the bytes of a row.
enum class Before { nothing, asked, told, half_answered, answered, init_failed };

std::string json(const std::string& status, const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}
std::string text(const std::string& status, const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + more + "\r\n" + body;
}
std::string error(const std::string& status, const std::string& type, const std::string& message,
                  const std::string& more = "") {
    return json(status, R"({"errorMessage":")" + message + R"(","errorType":")" + type + R"("})",
                more);
}

const std::string kClose = "Connection: close\r\n";
const std::string kAccepted = json("202 Accepted", R"({"status":"OK"})");
const std::string kWrongId = error("400 Bad Request", "InvalidRequestID", "Invalid request ID");
const std::string kBusy =
    error("403 Forbidden", "InvalidStateTransition", "the invocation before has not been answered");
const std::string kId = "01234567-89ab-cdef-0000-000000000001";
const std::string kInitError =
    "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";

std::string told(const std::string& payload, const std::string& more = "") {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           "Lambda-Runtime-Aws-Request-Id: " +
           kId +
           "\r\nLambda-Runtime-Deadline-Ms: 1700000000123\r\n"
           "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:here:000000000000:function:f:1\r\n"
           "Lambda-Runtime-Invocation-Id: 0000000000000077\r\n"
           "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0\r\n"
           "Content-Length: " +
           std::to_string(payload.size()) + "\r\n" + more + "\r\n" + payload;
}

// Its connection; -1: none yet.
int prepare(Wire& worker, Before before) {
    if (before == Before::nothing) return -1;
    const std::uint32_t c = worker.connect();
    if (before == Before::init_failed) {
        worker.say(c, kInitError);
    } else {
        worker.say(c, kNext);
    }
    if (before >= Before::told && before != Before::init_failed) worker.begin("{}");
    worker.hear(c);
    if (before == Before::answered) worker.say(c, post("response", "one"));
    if (before == Before::half_answered) {
        worker.say(c, post("response", "one").substr(0, post("response", "one").size() - 1));
    }
    worker.hear(c);
    worker.take_news();
    return static_cast<int>(c);
}

struct Row {
    Before before;
    std::string in, out;
    std::uint8_t news = 0;
    Outcome outcome = Outcome::none;
    std::string answer = "";
    bool closes = false;
};

void expect(const Row& row) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{4096}}) {
        Wire worker;
        prepare(worker, row.before);
        const std::uint32_t c = worker.connect();
        const std::string what = row.in.substr(0, 120);
        std::string heard;
        // "100 Continue" is heard while the body is said.
        for (std::size_t said = 0; said < row.in.size(); said += piece) {
            if (!worker.say(c, row.in.substr(said, piece), piece)) break;
            heard += worker.hear(c, piece);
        }
        EXPECT_EQ(heard, row.out) << what;
        EXPECT_EQ(worker.take_news(), row.news) << what;
        EXPECT_EQ(worker.peer.outcome(), row.news == kAnswered               ? row.outcome
                                         : row.before == Before::init_failed ? Outcome::init_failed
                                         : row.before == Before::answered    ? Outcome::ok
                                                                             : Outcome::none)
            << what;
        if (row.news == kAnswered) {
            EXPECT_EQ(worker.answer(), row.answer) << what;
        }
        EXPECT_EQ(worker.closes(c), row.closes) << what;
    }
}

const std::string kGet = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n";

TEST(RuntimeApiConformance, Next) {
    const std::vector<Row> rows = {
        {Before::nothing, kNext, "", kAsked},
        {Before::asked, kNext, "", kAsked},
        {Before::told, kNext, told("{}")},  // again, as Lambda does
        {Before::half_answered, kNext, kBusy},
        {Before::answered, kNext, "", kAsked},
        {Before::init_failed, kNext,
         error("403 Forbidden", "InvalidStateTransition", "the initialisation has failed")},
        {Before::answered, kGet + "Content-Length: 3\r\n\r\nabc", "", kAsked},
        {Before::answered, kGet + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "",
         kAsked},
        {Before::answered, kGet + "Connection: close\r\n\r\n", "", kAsked},
        {Before::told, kGet + "connection: x , CLOSE\r\n\r\n", told("{}", kClose), 0, Outcome::none,
         "", true},
        {Before::told, "GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n",
         told("{}", kClose), 0, Outcome::none, "", true},
        {Before::told,
         "GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         told("{}", kClose), 0, Outcome::none, "", true},
        {Before::told,
         "GET http://127.0.0.1:9001/2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
         told("{}")},
        {Before::told, "GET /2018-06-01/runtime/invocation/%6eext?a=/b HTTP/1.1\r\n\r\n",
         told("{}")},
        {Before::told, "\r\n" + kNext, told("{}")},  // an empty line before (RFC 9112, 2.2)
        {Before::told, kGet + "X: " + std::string(700000, 'x') + "\r\n\r\n", told("{}")},
        {Before::told, kGet + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n.",
         "HTTP/1.1 100 Continue\r\n\r\n" + told("{}")},
        {Before::told, "POST /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
         text("405 Method Not Allowed", "")},
    };
    for (const Row& row : rows) expect(row);
}

TEST(RuntimeApiConformance, Response) {
    std::string upper = kId;
    for (char& c : upper)
        if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    const std::string invocation = "LAMBDA-RUNTIME-INVOCATION-ID: ";
    const std::vector<Row> rows = {
        {Before::nothing, post("response", "x"), kWrongId},
        {Before::asked, post("response", "x"), kWrongId},
        {Before::told, post("response", "x"), kAccepted, kAnswered, Outcome::ok, "x"},
        {Before::told, post("response", ""), kAccepted, kAnswered, Outcome::ok, ""},
        {Before::told, "POST /2018-06-01/runtime/invocation/" + kId + "/response HTTP/1.1\r\n\r\n",
         kAccepted, kAnswered, Outcome::ok, ""},
        {Before::half_answered, post("response", "x"),
         error("403 Forbidden", "InvalidStateTransition", "another answer is being sent")},
        {Before::answered, post("response", "x"), kWrongId},
        {Before::init_failed, post("response", "x"), kWrongId},
        {Before::told, post("response", "x", "", "7"), kWrongId},
        {Before::told, post("response", "x", "", std::string(500, '7')), kWrongId},
        {Before::told, post("response", "x", "", upper), kAccepted, kAnswered, Outcome::ok, "x"},
        {Before::told, post("response", "x", "", "%30" + kId.substr(1)), kAccepted, kAnswered,
         Outcome::ok, "x"},
        {Before::told, post("response", "x", "", "%3" + kId.substr(1)), kWrongId},
        {Before::told, post("response", "x", "", kId + "%00"), kWrongId},
        {Before::told, post("response", "x", invocation + "0000000000000077\r\n"), kAccepted,
         kAnswered, Outcome::ok, "x"},
        {Before::told, post("response", "x", invocation + "0000000000000078\r\n"), kWrongId},
        {Before::told, post("response", "x", invocation + std::string(900, '0') + "\r\n"),
         kWrongId},
        {Before::told, post("response", "x", "Content-Type: a/b\r\ncOnnection: close\r\n"),
         json("202 Accepted", R"({"status":"OK"})", kClose), kAnswered, Outcome::ok, "x", true},
        {Before::told, post("response", "0123456789", "expect: 100-continue\r\n"),
         "HTTP/1.1 100 Continue\r\n\r\n" + kAccepted, kAnswered, Outcome::ok, "0123456789"},
        {Before::told, post("response", "", "expect: 100-continue\r\n"), kAccepted, kAnswered,
         Outcome::ok, ""},
        {Before::told, post("response", "x", "Expect: nothing\r\n"),
         error("417 Expectation Failed", "InvalidRequest",
               "the request is wrong, or larger than allowed", kClose),
         0, Outcome::none, "", true},
        {Before::told, post("response", "x", "Lambda-Runtime-Function-Response-Mode: slow\r\n"),
         error("400 Bad Request", "InvalidFunctionResponseMode", "Invalid function response mode"),
         kAnswered, Outcome::function_error,
         R"({"errorType":"Runtime.InvalidResponseModeHeader",)"
         R"("errorMessage":"the response mode is neither absent nor streaming"})"},
        {Before::told, post("response", std::string(1024, 'x')), kAccepted, kAnswered, Outcome::ok,
         std::string(1024, 'x')},
        {Before::told, post("response", std::string(1025, 'x')),
         error("413 Request Entity Too Large", "RequestEntityTooLarge",
               "Exceeded maximum allowed payload size (1024 bytes)."),
         kAnswered, Outcome::too_large, ""},
        {Before::told,
         "POST /2018-06-01/runtime/invocation/" + kId +
             "/response HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n",
         error("413 Request Entity Too Large", "RequestEntityTooLarge",
               "the body is larger than is read past", kClose),
         kAnswered, Outcome::too_large, "", true},
        {Before::told, "GET /2018-06-01/runtime/invocation/" + kId + "/response HTTP/1.1\r\n\r\n",
         text("405 Method Not Allowed", "")},
    };
    for (const Row& row : rows) expect(row);
}

TEST(RuntimeApiConformance, StreamedResponse) {
    const std::string head = "POST /2018-06-01/runtime/invocation/" + kId +
                             "/response HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n"
                             "Lambda-Runtime-Function-Response-Mode: Streaming\r\n"
                             "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
                             "Trailer: Lambda-Runtime-Function-Error-Type, "
                             "Lambda-Runtime-Function-Error-Body\r\n\r\n";
    const std::string prelude = R"({"statusCode":200,"headers":{}})" + std::string(8, '\0');
    const std::string chunks = "27\r\n" + prelude + "\r\n00a;a=\"b\"\r\n0123456789\r\n";
    const std::string type = "Lambda-Runtime-Function-Error-Type: Function.StreamBroke\r\n";
    const auto body = [](const std::string& value) {
        return "LAMBDA-runtime-Function-Error-Body: " + value + "\r\n";
    };
    const std::string unsaid =
        R"({"errorType":"Function.StreamBroke","errorMessage":"the response ended with an error"})";
    const std::vector<Row> rows = {
        {Before::told, head + chunks + "0\r\n\r\n", kAccepted, kAnswered, Outcome::ok,
         prelude + "0123456789"},
        {Before::told, head + "0\r\n\r\n", kAccepted, kAnswered, Outcome::ok, ""},
        {Before::told, head + chunks + "0\r\n" + type + body("eyJhIjoxfQ==") + "\r\n", kAccepted,
         kAnswered, Outcome::function_error, R"({"a":1})"},
        {Before::told, head + chunks + "0\r\n" + type + body("eyJhIjoxfQ") + "\r\n", kAccepted,
         kAnswered, Outcome::function_error, R"({"a":1})"},
        {Before::told, head + "0\r\n" + type + body("?") + "\r\n", kAccepted, kAnswered,
         Outcome::function_error, unsaid},
        {Before::told, head + chunks + "0\r\n" + type + "\r\n", kAccepted, kAnswered,
         Outcome::function_error, unsaid},
        {Before::told, head + "401\r\n" + std::string(1025, 'x') + "\r\n0\r\n\r\n",
         error("413 Request Entity Too Large", "RequestEntityTooLarge",
               "Exceeded maximum allowed payload size (1024 bytes)."),
         kAnswered, Outcome::too_large, ""},
        {Before::told, head + chunks + "x\r\n",
         error("400 Bad Request", "InvalidRequest", "the request is wrong, or larger than allowed",
               kClose),
         kAnswered, Outcome::truncated, "", true},
        {Before::told, head + chunks + "4000001\r\n",
         error("413 Request Entity Too Large", "RequestEntityTooLarge",
               "the body is larger than is read past", kClose),
         kAnswered, Outcome::too_large, "", true},
    };
    for (const Row& row : rows) expect(row);
}

TEST(RuntimeApiConformance, Error) {
    const std::string fault = R"({"errorMessage":"m","errorType":"t","stackTrace":[]})";
    const auto typed = [&](const std::string& type) {
        return post("error", fault, "Lambda-Runtime-Function-Error-Type: " + type + "\r\n");
    };
    const std::vector<Row> rows = {
        {Before::nothing, post("error", fault), kWrongId},
        {Before::asked, post("error", fault), kWrongId},
        {Before::told, post("error", fault), kAccepted, kAnswered, Outcome::function_error, fault},
        {Before::told, post("error", ""), kAccepted, kAnswered, Outcome::function_error, ""},
        {Before::answered, post("error", fault), kWrongId},
        {Before::told,
         post("error", fault,
              "Lambda-Runtime-Function-XRay-Error-Cause: " + std::string(1000000, 'x') + "\r\n"),
         kAccepted, kAnswered, Outcome::function_error, fault},
        {Before::told,
         post("error", fault,
              "Content-Type: application/vnd.aws.lambda.error.cause"
              "+json\r\n"),
         kAccepted, kAnswered, Outcome::function_error, fault},
        {Before::told, post("error", std::string(1025, 'x')),
         error("413 Request Entity Too Large", "RequestEntityTooLarge",
               "Exceeded maximum allowed payload size (1024 bytes)."),
         kAnswered, Outcome::too_large, ""},
    };
    for (const Row& row : rows) expect(row);

    const std::pair<std::string, std::string> types[] = {
        {"Runtime.UnhandledPromiseRejection", "Runtime.UnhandledPromiseRejection"},
        {"Function.Broke", "Function.Broke"},
        {"Function.IOError42", "Function.IOError42"},
        {"unhandled", "Runtime.Unknown"},
        {"Function.lower", "Function.Unknown"},
        {"Runtime.A\"b", "Runtime.Unknown"},
        {"Function." + std::string(300, 'A'), "Runtime.Unknown"},  // not kept: too long
        {"", "Runtime.Unknown"},
    };
    for (const auto& [sent, kept] : types) {
        Wire worker;
        const auto c = static_cast<std::uint32_t>(prepare(worker, Before::told));
        worker.say(c, typed(sent));
        EXPECT_EQ(worker.peer.error_type(), kept) << sent;
    }
}

TEST(RuntimeApiConformance, InitError) {
    const std::string over =
        error("403 Forbidden", "InvalidStateTransition", "the initialisation has ended");
    const std::vector<Row> rows = {
        {Before::nothing, kInitError, kAccepted, kAnswered, Outcome::init_failed, "{}"},
        {Before::asked, kInitError, over},
        {Before::told, kInitError, over},
        {Before::answered, kInitError, over},
        {Before::init_failed, kInitError, over},
        {Before::nothing,
         "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" +
             std::string(2000, 'e'),
         kAccepted, kAnswered, Outcome::init_failed, std::string(1024, 'e')},
        {Before::nothing, "GET /2018-06-01/runtime/init/error HTTP/1.1\r\n\r\n",
         text("405 Method Not Allowed", "")},
    };
    for (const Row& row : rows) expect(row);
}

TEST(RuntimeApiConformance, TheRest) {
    const std::string lost = text("404 Not Found", "404 page not found");
    const auto request = [](const std::string& line) { return line + " HTTP/1.1\r\n\r\n"; };
    const std::vector<Row> rows = {
        {Before::nothing, request("GET /2018-06-01/ping"), text("200 OK", "pong")},
        {Before::told, request("GET /2018-06-01/ping"), text("200 OK", "pong")},
        {Before::nothing, request("GET /2018-06-01/runtime/restore/next"), text("200 OK", "")},
        {Before::nothing, request("POST /2018-06-01/runtime/restore/error"), kAccepted},
        {Before::nothing, request("POST /2020-01-01/extension/register"),
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
         "Lambda-Extension-Identifier: 00000000-0000-0000-0000-000000000000\r\n"
         "Content-Length: 53\r\n\r\n"
         R"({"functionName":"","functionVersion":"","handler":""})"},
        {Before::nothing, request("GET /2020-01-01/extension/event/next"), ""},  // no events
        {Before::nothing, request("POST /2020-01-01/extension/init/error"), kAccepted},
        {Before::nothing, request("POST /2020-01-01/extension/exit/error"), kAccepted},
        {Before::nothing, request("PUT /2020-08-15/logs"),
         error("202 Accepted", "Logs.NotSupported", "Logs API is not supported")},
        {Before::nothing, request("PUT /2022-07-01/telemetry"),
         error("202 Accepted", "Telemetry.NotSupported", "Telemetry API is not supported")},
        {Before::nothing, request("GET /"), lost},
        {Before::nothing, request("GET http://x"), lost},
        {Before::nothing, request("GET /2018-06-01/runtime/invocation/next/"), lost},
        {Before::nothing, request("GET /2018-06-01/runtime/invocation//response"), lost},
        {Before::nothing, request("OPTIONS *"), lost},
        {Before::nothing, request("HEAD /2018-06-01/ping"),
         text("405 Method Not Allowed", "", kClose), 0, Outcome::none, "", true},
    };
    for (const Row& row : rows) expect(row);
}

}  // namespace
