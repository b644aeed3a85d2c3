// A reference::Request, classified.
#pragma once

#include <array>

#include "control/routes/pattern.hpp"
#include "dataplane/classify/classifier.hpp"
#include "tests/dataplane/classify/reference.hpp"

namespace skerry::reference {

class FieldsOf final : public classify::Fields {
  public:
    explicit FieldsOf(const Request& request) : request_(request) {}
    bool next(std::string_view lower_name, std::uint32_t& at,
              std::string_view& value) const override {
        while (at < request_.fields.size()) {
            const auto& [name, has] = request_.fields[at++];
            std::string lower = name;
            for (char& c : lower)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
            if (lower != lower_name) continue;
            value = has;
            return true;
        }
        return false;
    }

  private:
    const Request& request_;
};

inline classify::Request request_of(const Request& from, const FieldsOf& fields) {
    return {from.host, from.path, from.query, routes::method_of(from.method), &fields};
}

}  // namespace skerry::reference
