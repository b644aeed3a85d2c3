// What the admin API shows of artifacts that are fetched.
#include "control/admin/render.hpp"

namespace skerry::admin {

using nlohmann::json;

json fetches_json(const std::vector<FetchView>& fetches) {
    json list = json::array();
    for (const FetchView& each : fetches)
        list.push_back({{"function", each.function},
                        {"origin", each.origin},
                        {"digest", each.digest},
                        {"state", each.state},
                        {"error", each.error},
                        {"received_bytes", each.received_bytes},
                        {"bytes", each.bytes},
                        {"tries", each.tries}});
    return {{"fetches", std::move(list)}};
}

}  // namespace skerry::admin
