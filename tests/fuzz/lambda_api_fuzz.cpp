// Any bytes as a management call, signature aside: an answer that is JSON with a status that there
// is, and a catalog that is still valid. The first byte chooses the call, the rest is its body; or,
// for the last choice, method, target and body.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "control/catalog/catalog_file.hpp"
#include "control/lambda_api/api.hpp"
#include "sandbox/base/check.hpp"
#include "tests/control/lambda_api/memory_functions.hpp"

namespace {

using namespace skerry;

struct Shape {
    const char *method, *target;
};
constexpr Shape kShapes[] = {
    {"POST", "/2015-03-31/functions"},
    {"PUT", "/2015-03-31/functions/f/code"},
    {"PUT", "/2015-03-31/functions/f/configuration"},
    {"POST", "/2015-03-31/functions/f/versions"},
    {"POST", "/2015-03-31/functions/f/aliases"},
    {"PUT", "/2015-03-31/functions/f/aliases/a"},
    {"PUT", "/2017-10-31/functions/f/concurrency"},
};

void check(const lambda_api::Answer& answer, lambda_api::MemoryFunctions& functions) {
    SKERRY_CHECK(answer.status >= 200 && answer.status < 600 && answer.status != 500);
    SKERRY_CHECK((answer.status >= 400) == !answer.error_type.empty());
    SKERRY_CHECK(answer.body.empty() || nlohmann::json::accept(answer.body));
    for (const auto& [name, function] : functions.state.functions)
        SKERRY_CHECK(static_cast<bool>(catalog::validate(function)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const auth::AccessKey key(
        {.id = "AKID", .secret = std::string(20, 's'), .functions = {"*"}, .manage = true});
    lambda_api::MemoryFunctions functions;
    const std::string made = R"({"FunctionName":"f","Runtime":"native","Role":"r","Publish":true,)"
                             R"("Code":{"ZipFile":"UEsDBAAA"}})";
    const auto call = [&](std::string method, std::string target, std::string body) {
        check(lambda_api::handle({std::move(method), std::move(target), std::move(body), &key, "r"},
                                 functions),
              functions);
    };
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t choice = data[0] % (std::size(kShapes) + 1);
    if (choice != 0) call("POST", "/2015-03-31/functions", made);
    if (choice == 5)
        call("POST", "/2015-03-31/functions/f/aliases", R"({"Name":"a","FunctionVersion":"1"})");
    if (choice < std::size(kShapes)) {
        call(kShapes[choice].method, kShapes[choice].target, std::string(rest));
    } else {
        const std::size_t space = std::min(rest.find(' '), rest.size());
        const std::size_t line = std::min(rest.find('\n', space), rest.size());
        call(std::string(rest.substr(0, space)),
             std::string(rest.substr(space, line - space)).erase(0, 1),
             std::string(rest.substr(line)));
    }
    for (const char* shown : {"", "/f", "/f/versions", "/f/aliases"})
        call("GET", std::string("/2015-03-31/functions") + shown, "");
    return 0;
}
