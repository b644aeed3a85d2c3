// Requests that a route gives to a function: the event that it gets, and its answer as HTTP.
#include <nlohmann/json.hpp>

#include "control/routes/compile.hpp"
#include "dataplane/auth/access_keys.hpp"
#include "dataplane/classify/published.hpp"
#include "tests/dataplane/auth/keys.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

struct PublishedSet final : classify::Published {
    std::shared_ptr<const routes::RouteSet> set;
};

class RoutedTest : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        targets[0].max_payload_bytes = 16000;
        add("GET", "/items/:id");
        add("POST", "/items/:id");
        add("", "/gone", "nobody");
        add("", "~/x[0-9]+");
    }
    void add(const char* method, const char* path, const char* function = "f0") {
        routes::Route route;
        if (*method != '\0') route.methods = {method};
        route.path = path;
        route.function = function;
        route.auth = routes::Auth::none;
        all_.push_back(route);
    }
    void start_routed() {
        auto published = std::make_shared<PublishedSet>();
        routes::Cache none;
        published->set = routes::compile(all_, 1, none).set;
        ASSERT_TRUE(published->set != nullptr);
        published->table = &published->set->table;
        for (const auto& each : all_)
            published->callees.push_back({each.function, "", each.auth == routes::Auth::none});
        routes = published;
        start();
        worker_ = std::make_unique<PlayedWorker>(shared, 0, 1, 0, 16384);
    }
    // The event that the function gets; it answers that.
    nlohmann::json event_of(net::tcp::Handle connection, const std::string& request,
                            const std::string& function_says, std::uint32_t outcome = 0) {
        say(connection, request);
        EXPECT_TRUE(step_until([&] { return worker_->take() == 1; }));
        const auto event = nlohmann::json::parse(worker_->request(0));
        worker_->respond(0, function_says, outcome);
        return event;
    }

    std::vector<routes::Route> all_;
    std::unique_ptr<PlayedWorker> worker_;
};

TEST_F(RoutedTest, AFunctionGetsAnEventAndSaysEverything) {
    start_routed();
    const net::tcp::Handle connection = connect();
    const auto event = event_of(
        connection, "GET //items/./a%20b?v=1 HTTP/1.1\r\nHost: Shop.Test:8080\r\nX-A: 1\r\n\r\n",
        R"({"statusCode":201,"headers":{"X-B":"2"},"cookies":["c=3"],"body":"made"})");
    EXPECT_EQ(event["rawPath"], "/items/a%20b");
    EXPECT_EQ(event["pathParameters"]["id"], "a b");
    EXPECT_EQ(event["rawQueryString"], "v=1");
    EXPECT_EQ(event["headers"]["x-a"], "1");
    EXPECT_EQ(event["requestContext"]["domainName"], "shop.test");
    EXPECT_EQ(event["requestContext"]["http"]["sourceIp"], "10.0.0.9");
    EXPECT_FALSE(event.contains("body"));
    const std::string text = answer(connection);
    EXPECT_EQ(text.substr(0, 20), "HTTP/1.1 201 Created");
    EXPECT_NE(text.find("\r\nX-B: 2\r\nSet-Cookie: c=3\r\n"), std::string::npos) << text;
    EXPECT_EQ(body_of(text), "made");
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RoutedTest, BodiesOfManyBuffersComeWhole) {
    start_routed();
    const net::tcp::Handle connection = connect();
    for (const std::size_t bytes : {1u, 3000u, 4200u, 9001u}) {
        std::string body(bytes, 'b');
        body.back() = '"';
        const auto event = event_of(
            connection,
            "POST /items/1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: " +
                std::to_string(bytes) + "\r\n\r\n" + body,
            body);
        EXPECT_EQ(event["body"], body);
        EXPECT_EQ(event["isBase64Encoded"], false);
        const std::string text = answer(connection);
        EXPECT_NE(text.find("Content-Type: text/plain"), std::string::npos);
        EXPECT_EQ(body_of(text), body);
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// What concerns Skerry itself is understood in routed requests, too.
TEST_F(RoutedTest, ACallerMaySayThatTwiceDoesNoHarm) {
    start_routed();
    const std::string head = "GET /items/1 HTTP/1.1\r\nHost: a\r\nx-skerry-idempotent: ";
    const auto event = event_of(connect(), head + "true\r\n\r\n", "{}");
    EXPECT_EQ(event["headers"]["x-skerry-idempotent"], "true");
    const net::tcp::Handle other = connect();
    say(other, head + "maybe\r\n\r\n");
    EXPECT_EQ(answer(other).substr(0, 12), "HTTP/1.1 400");
}

// How the Invoke API is asked is nothing to a route: the function gets it as a field like any
// other.
TEST_F(RoutedTest, TheInvokeApisFieldsAreTheFunctions) {
    start_routed();
    const net::tcp::Handle connection = connect();
    const auto event = event_of(connection,
                                "GET /items/1 HTTP/1.1\r\nHost: a\r\nX-Amz-Invocation-Type: "
                                "Event\r\n\r\n",
                                R"({"statusCode":200,"body":"now"})");
    EXPECT_EQ(event["headers"]["x-amz-invocation-type"], "Event");
    EXPECT_EQ(body_of(answer(connection)), "now");
}

// With an id they may be tried again, whatever else in them differs from try to try.
TEST_F(RoutedTest, ARequestThatIsTriedAgainIsExecutedOnce) {
    info.http.retry_window_ms = 60'000;
    info.http.retry_entries = 64;
    info.http.retry_bytes = 1 << 20;
    start_routed();
    const auto request = [](int attempt, const std::string& path, const std::string& body) {
        return "POST " + path + " HTTP/1.1\r\nHost: a\r\namz-sdk-invocation-id: an-id\r\n" +
               "amz-sdk-request: attempt=" + std::to_string(attempt) +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    const net::tcp::Handle first = connect(), second = connect();
    say(first, request(1, "/items/1?v=1", "body"));
    ASSERT_TRUE(step_until([&] { return worker_->take() == 1; }));
    say(second, request(2, "/items/1?v=1", "body"));
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    worker_->respond(0, R"({"statusCode":201,"headers":{"X-B":"2"},"body":"made"})");
    for (const net::tcp::Handle each : {first, second}) {
        const std::string text = answer(each);
        EXPECT_EQ(text.substr(0, 20), "HTTP/1.1 201 Created");
        EXPECT_NE(text.find("\r\nX-B: 2\r\n"), std::string::npos);
        EXPECT_EQ(body_of(text), "made");
    }
    say(first, request(3, "/items/1?v=1", "body"));
    EXPECT_EQ(body_of(answer(first)), "made");
    EXPECT_EQ(count(Reason::served_retry), 2u);
    EXPECT_EQ(worker_->take(), 0u);
    // Another path, query, body or method is another request.
    for (const std::string& other :
         {request(1, "/items/2?v=1", "body"), request(1, "/items/1?v=2", "body"),
          request(1, "/items/1?v=1", "Body"), request(1, "/x1", "body")}) {
        (void)event_of(first, other, R"({"statusCode":200,"body":"other"})");
        EXPECT_EQ(body_of(answer(first)), "other");
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// The client does not read at first: what was understood is kept until it does.
TEST_F(RoutedTest, AnAnswerWaitsForItsReader) {
    info.http.send_blocks = 4;
    start_routed();
    const net::tcp::Handle connection = connect();
    const std::string body(12000, 'z');
    event_of(connection, "GET /items/1 HTTP/1.1\r\nHost: a\r\n\r\n",
             R"({"statusCode":200,"headers":{"X-Long":")" + std::string(3000, 'h') +
                 R"("},"body":")" + body + "\"}");
    const std::string text = answer(connection);
    EXPECT_EQ(body_of(text), body);
    EXPECT_NE(text.find("X-Long: hhh"), std::string::npos);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RoutedTest, WhatGoesWrongIsToldAsHttpDoes) {
    start_routed();
    const net::tcp::Handle connection = connect();
    const auto asked = [&](const std::string& request) {
        say(connection, request);
        return answer(connection);
    };
    const std::string end = " HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_NE(asked("GET /nothing" + end).find(" 404 "), std::string::npos);
    EXPECT_NE(asked("GET /gone" + end).find(" 404 "), std::string::npos);
    EXPECT_NE(asked("GET /items/..%2f" + end).find(" 400 "), std::string::npos);
    EXPECT_NE(asked("GET /2015-03-31/items" + end).find(" 404 "), std::string::npos);
    const std::string put = asked("PUT /items/1" + end);
    EXPECT_NE(put.find(" 405 "), std::string::npos);
    EXPECT_NE(put.find("Allow: GET, HEAD, POST\r\n"), std::string::npos) << put;
    // An answer that is none, and one that failed.
    for (const auto& [says, outcome] : {std::pair{"{", 0u}, {"{}", 1u}}) {
        event_of(connection, "GET /items/1" + end, says, outcome);
        const std::string text = answer(connection);
        EXPECT_EQ(text.substr(0, 24), "HTTP/1.1 502 Bad Gateway");
        EXPECT_EQ(body_of(text), R"({"message":"Internal Server Error"})");
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RoutedTest, SomeAnswersHaveNoContent) {
    start_routed();
    const net::tcp::Handle connection = connect();
    const std::string text = R"({"statusCode":200,"body":"abc"})";
    event_of(connection, "HEAD /items/1 HTTP/1.1\r\nHost: a\r\n\r\n", text);
    event_of(connection, "GET /x1 HTTP/1.1\r\nHost: a\r\n\r\n",
             R"({"statusCode":204,"body":"abc"})");
    event_of(connection, "GET /items/1 HTTP/1.1\r\nHost: a\r\n\r\n", text);
    std::string heard_all;
    ASSERT_TRUE(step_until([&] {
        heard_all += heard(connection);
        return heard_all.ends_with("abc");
    })) << heard_all;
    // The only content is the last one's.
    EXPECT_EQ(heard_all.find("abc"), heard_all.size() - 3);
    EXPECT_NE(heard_all.find("204 No Content"), std::string::npos);
}

TEST_F(RoutedTest, AnEventThatIsTooLargeIsRefused) {
    targets[0].max_payload_bytes = 1024;
    start_routed();
    const net::tcp::Handle connection = connect();
    say(connection, "GET /items/" + std::string(1000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(answer(connection).find(" 413 "), std::string::npos);
    say(connection,
        "POST /items/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n" + std::string(900, 'a'));
    EXPECT_NE(answer(connection).find(" 413 "), std::string::npos);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RoutedTest, SomeRequestsAreAnotherVersionsIfTheirAliasSaysSo) {
    targets[0].split = 1;
    targets.push_back(targets[0]);
    targets[1].split = 0;
    targets[1].entry = 1;
    targets[1].qualifier = 0x77;
    targets[1].version_key = 0xbbbb;
    extras.splits = {{0xbbbb, kWholeSplit / 2}};
    start_routed();
    PlayedWorker canary(shared, 1, 1, 1, 16384);
    const net::tcp::Handle connection = connect();
    int first = 0, second = 0;
    for (int i = 0; i < 64; ++i) {
        say(connection, "GET /items/1 HTTP/1.1\r\nHost: a\r\n\r\n");
        bool by_canary = false;
        ASSERT_TRUE(step_until([&] {
            by_canary = canary.take() == 1;
            return by_canary || worker_->take() == 1;
        }));
        (by_canary ? canary : *worker_).respond(0, R"({"statusCode":200})");
        EXPECT_EQ(answer(connection).substr(0, 15), "HTTP/1.1 200 OK");
        ++(by_canary ? second : first);
    }
    EXPECT_GT(first, 10);
    EXPECT_GT(second, 10);
}

// Whose requests a route takes that does not take everybody's, whatever the Invoke API asks for.
class SignedRoutes : public RoutedTest {
  protected:
    void SetUp() override {
        RoutedTest::SetUp();
        routes::Route route;
        route.path = "/mine/:id";
        route.function = "f0";
        all_.push_back(route);
        client.path = "/mine/a%20b";
        client.headers["host"] = "shop.test";
        client.declares = true;
        other = client;
        other.id = "AKIDOTHER";
        auth::AccessKeySpec narrow = auth::testing::spec_of(other);
        narrow.functions = {"g*"};
        keys_ = std::make_unique<const auth::AccessKeys>(
            1, std::vector<auth::AccessKeySpec>{auth::testing::spec_of(client), narrow});
        start_routed();
        shared.access_keys.store(keys_.get());
        shared.unix_ms_at_tsc_zero.store(auth::testing::kNow_s * 1000 -
                                         rte_rdtsc() / (rte_get_tsc_hz() / 1000));
        connection = connect();
    }
    void TearDown() override {
        RoutedTest::TearDown();
        shared.access_keys.store(nullptr);
    }
    void expect_refused(const std::string& request, Reason reason) {
        const std::uint64_t before = count(reason);
        say(connection, request);
        EXPECT_EQ(answer(connection).substr(0, 22), "HTTP/1.1 403 Forbidden");
        EXPECT_EQ(count(reason), before + 1);
        EXPECT_EQ(worker_->take(), 0u);
    }

    auth::testing::Client client, other;
    net::tcp::Handle connection;

  private:
    std::unique_ptr<const auth::AccessKeys> keys_;
};

TEST_F(SignedRoutes, TakeWhatIsSignedByWhoMayInvoke) {
    for (const bool declares : {false, true})
        for (const char* method : {"GET", "POST", "DELETE"}) {
            auth::testing::Client each = client;
            each.declares = declares;
            each.method = method;
            each.body = each.method == "GET" ? "" : std::string(3000, 'x');
            const auto event = event_of(connection, each.request(), R"({"statusCode":200})");
            EXPECT_EQ(event["pathParameters"]["id"], "a b");
            EXPECT_EQ(event["requestContext"]["authorizer"]["iam"]["accessKey"], each.id);
            EXPECT_FALSE(event["headers"].contains("authorization")) << "it could be used again";
            EXPECT_EQ(answer(connection).substr(0, 15), "HTTP/1.1 200 OK");
        }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(SignedRoutes, RefuseTheOthers) {
    expect_refused("GET /mine/1 HTTP/1.1\r\nHost: a\r\n\r\n", Reason::http_unsigned);
    for (const bool declares : {false, true}) {
        auth::testing::Client wrong = client;
        wrong.declares = declares;
        wrong.secret = "of somebody else, long enough";
        expect_refused(wrong.request(), Reason::http_signature_wrong);
        other.declares = declares;
        expect_refused(other.request(), Reason::http_key_denied);
    }
    std::string changed = client.request();
    changed.replace(changed.find("POST"), 4, "PUT");
    expect_refused(changed, Reason::http_signature_wrong);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// Only the field Host is signed: the target can't lead to another host's route.
TEST_F(SignedRoutes, RefuseATargetOfAnotherHost) {
    std::string request = client.request();
    request.replace(request.find("/mine"), 5, "http://admin.test/mine");
    expect_refused(request, Reason::http_signature_wrong);
}

TEST_F(SignedRoutes, LeavePublicOnesPublic) {
    auth::testing::Client each = client;
    each.secret = "of somebody else, long enough";
    each.path = "/items/1";
    const auto event = event_of(connection, each.request(), R"({"statusCode":200})");
    EXPECT_FALSE(event["requestContext"].contains("authorizer"));
    EXPECT_TRUE(event["headers"].contains("authorization")) << "it is the function's to judge";
    EXPECT_EQ(answer(connection).substr(0, 15), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace skerry::test
