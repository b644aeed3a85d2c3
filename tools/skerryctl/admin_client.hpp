// A client of the admin API (control/admin/API.md) over its Unix socket. Blocking.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "tools/skerryctl/output.hpp"

namespace skerry::ctl {

inline constexpr char kDefaultSocket[] = "/var/lib/skerry/admin.sock";

using Answer = std::variant<nlohmann::json, Failure>;

class AdminClient {
  public:
    explicit AdminClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

    // `target` is path and query, already encoded. A deploy waits for replication, hence the long
    // time limit for one.
    Answer get(const std::string& target) const;
    Answer post(const std::string& target, const std::string& body) const;
    Answer put(const std::string& target, const std::string& body) const;
    Answer erase(const std::string& target) const;

  private:
    Answer call(const char* method, const std::string& target, const std::string& body) const;
    std::string socket_path_;
};

// For one segment of a path, or one value of a query.
std::string percent_encoded(std::string_view text);

}  // namespace skerry::ctl
