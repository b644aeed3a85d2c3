// How many invocations of a function there may be at once on this server.
#include "control/lambda_api/calls.hpp"

namespace skerry::lambda_api {
namespace {

using catalog::Function;

nlohmann::json concurrency_json(const Function& function) {
    if (!function.reserved) return nlohmann::json::object();
    return {{"ReservedConcurrentExecutions", *function.reserved}};
}

Function set(const Call& call, std::optional<std::uint32_t> reserved) {
    return done(
        call.functions.change(call.name, edit_of([&](const Function* before, Function& next) {
                                  next.details = before->details;
                                  next.reserved = reserved;
                              })));
}

}  // namespace

Reply put_concurrency(const Call& call) {
    const auto wanted = call.body.number("ReservedConcurrentExecutions", 0, catalog::kMaxReserved);
    if (!wanted) throw bad_field("ReservedConcurrentExecutions", "needed");
    return {200, concurrency_json(set(call, static_cast<std::uint32_t>(*wanted)))};
}

Reply get_concurrency(const Call& call) {
    return {200, concurrency_json(find_function(call))};
}

Reply delete_concurrency(const Call& call) {
    (void)set(call, std::nullopt);
    return {204, nullptr};
}

}  // namespace skerry::lambda_api
