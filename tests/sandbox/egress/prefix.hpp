// "10.66.0.0/20" as a Prefix.
#pragma once

#include <string>

#include "sandbox/egress/network.hpp"

namespace skerry::test {

inline egress::Prefix prefix(const std::string& text) {
    return egress::parse_prefix(text).value();
}

}  // namespace skerry::test
