// From requests to routes, a burst at a time. Entry point of classify/.
//
// One classifier a core: it has the buffers that normal forms are written to. It scans with the
// table's scratch of that core. Nothing allocates but the constructor.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/classify/request.hpp"

namespace skerry::classify {

struct Param {
    std::string_view name;   // in the pattern
    std::string_view value;  // in the normal form of the path
};

class Classifier {
  public:
    explicit Classifier(std::uint32_t core);

    // At most kBurstMax; as many outcomes. The table outlives the outcomes.
    void classify(const Table& table, std::span<const Request> requests,
                  std::span<Outcome> outcomes);

  private:
    struct Buffers {
        std::array<char, kPathBytesMax> path;
        std::array<char, kHostBytesMax + 1> host;
    };
    const std::uint32_t core_;
    std::unique_ptr<std::array<Buffers, kBurstMax>> buffers_;
};

// The parameters of a route's pattern, given a normal path that it matches; how many.
std::uint32_t params_of(std::string_view pattern, std::string_view path,
                        std::span<Param, kParamsMax> params);

// The methods with which some route would match, whatever the request's is. Not on the way of
// requests that are served.
std::uint16_t allowed_methods(const Table& table, std::uint32_t core, const Request& request,
                              std::string_view host, std::string_view path);

}  // namespace skerry::classify
