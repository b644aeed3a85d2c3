// Requests that go by routes allocate nothing either: found in hash table, tree and databases, for
// everybody and for who signs, with every end.
#include "control/routes/compile.hpp"
#include "dataplane/auth/access_keys.hpp"
#include "dataplane/classify/published.hpp"
#include "tests/dataplane/auth/keys.hpp"
#include "tests/dataplane/loop/allocation.hpp"
#include "tests/dataplane/loop/http_rig.hpp"

namespace skerry::test {
namespace {

struct PublishedSet final : classify::Published {
    std::shared_ptr<const routes::RouteSet> set;
};

std::shared_ptr<PublishedSet> published(const std::vector<routes::Route>& all) {
    auto made = std::make_shared<PublishedSet>();
    routes::Cache none;
    made->set = routes::compile(all, 1, none).set;
    EXPECT_TRUE(made->set != nullptr);
    made->table = &made->set->table;
    for (const routes::Route& each : all)
        made->callees.push_back({each.function, "", each.auth == routes::Auth::none});
    return made;
}

routes::Route to_f0(const std::string& path, routes::Auth auth) {
    routes::Route route;
    route.path = path;
    route.function = "f0";
    route.auth = auth;
    return route;
}

class NoAllocationByRoutes : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        targets[0].max_payload_bytes = 1 << 20;
        payload_buffers = 512;
        info.http.send_blocks = 64;
        for (const char* path : {"/literal", "/items/:id", "~/x[0-9]+", "/all/*"})
            all_.push_back(to_f0(path, routes::Auth::none));
        all_.push_back(to_f0("/mine/:id", routes::Auth::aws_iam));
        routes = published(all_);
        start();
        keys_ = std::make_unique<const auth::AccessKeys>(
            1, std::vector<auth::AccessKeySpec>{auth::testing::spec_of(client)});
        shared.access_keys.store(keys_.get());
        shared.unix_ms_at_tsc_zero.store(auth::testing::kNow_s * 1000 -
                                         rte_rdtsc() / (rte_get_tsc_hz() / 1000));
        client.path = "/mine/7";
        worker = std::make_unique<PlayedWorker>(shared, 0, 1, 0, 1 << 20);
    }
    void TearDown() override {
        HttpTest::TearDown();
        shared.access_keys.store(nullptr);
    }
    void core_turn() override {
        const std::uint64_t before = allocated_bytes();
        core->turn();
        inside += allocated_bytes() - before;
    }
    void serve(net::tcp::Handle connection, const std::string& request, const std::string& says,
               std::string_view status) {
        say(connection, request);
        ASSERT_TRUE(step_until([&] { return worker->take() == 1; }));
        worker->respond(0, says);
        EXPECT_EQ(answer(connection).substr(9, 3), status);
    }

    auth::testing::Client client;
    std::unique_ptr<PlayedWorker> worker;
    std::uint64_t inside = 0;

  private:
    std::vector<routes::Route> all_;
    std::unique_ptr<const auth::AccessKeys> keys_;
};

TEST_F(NoAllocationByRoutes, OfEveryKindAndEnd) {
    const std::string made = R"({"statusCode":201,"headers":{"X-A":"1"},"body":")";
    for (std::uint32_t round = 0; round < 200; ++round) {
        const net::tcp::Handle connection = connect();
        const std::string large(round % 10 == 0 ? 50'000 : 100, 'x');
        const std::string text = std::to_string(round);
        for (const std::string& path :
             {std::string("/literal"), "/items/" + text, "/x" + text, std::string("/all/a/b")})
            serve(connection, "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n", made + large + "\"}",
                  "201");
        serve(connection,
              "POST /items/1 HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                  std::to_string(large.size()) + "\r\n\r\n" + large,
              "{", "502");
        say(connection, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_EQ(answer(connection).substr(9, 3), "404");
        auth::testing::Client each = client;
        each.declares = round % 2 == 0;
        each.body = large;
        serve(connection, each.request(), made + "\"}", "201");
        each.secret = "of somebody else, long enough";
        say(connection, each.request());
        EXPECT_EQ(answer(connection).substr(9, 3), "403");
        leave(connection, round % 3 == 0);
    }
    EXPECT_EQ(count(Reason::http_signature_wrong), 200u);
    EXPECT_EQ(inside, 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

}  // namespace
}  // namespace skerry::test
