// Who chooses in a run: one of the product's policies, or an oracle that the product can't have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/select/select.hpp"

namespace skerry::sim {

struct Brain {
    enum class Kind : std::uint8_t {
        policy,     // dataplane/select
        greedy,     // oracle: the true state and true costs of this request, now
        hindsight,  // oracle: a fixed placement, made with all requests known (oracle.hpp)
    };
    Kind kind = Kind::policy;
    select::Settings settings;

    std::string name() const {
        if (kind == Kind::greedy) return "oracle-greedy";
        if (kind == Kind::hindsight) return "oracle-hindsight";
        return std::string(select::name(settings.policy));
    }
    bool uses_warmth() const {
        return kind == Kind::policy && (settings.policy == select::Policy::skerry ||
                                        settings.policy == select::Policy::affinity);
    }
};

inline bool brain_by_name(std::string_view text, Brain& brain) {
    if (text == "oracle-greedy") {
        brain.kind = Brain::Kind::greedy;
        return true;
    }
    if (text == "oracle-hindsight") {
        brain.kind = Brain::Kind::hindsight;
        return true;
    }
    return select::policy_by_name(text, brain.settings.policy);
}

inline std::vector<std::string> all_brains() {
    std::vector<std::string> names;
    for (std::uint8_t i = 0; i < select::kPolicies; ++i)
        names.emplace_back(select::name(static_cast<select::Policy>(i)));
    names.emplace_back("oracle-greedy");
    names.emplace_back("oracle-hindsight");
    return names;
}

}  // namespace skerry::sim
