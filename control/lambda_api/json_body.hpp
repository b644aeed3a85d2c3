// The body of a request: one JSON object of a few fields, read strictly. What is wrong is thrown
// as a Fault that names the field.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control/lambda_api/fault.hpp"

namespace skerry::lambda_api {

inline constexpr int kJsonDepthMax = 8;
inline constexpr std::size_t kJsonTokensMax = 4096;  // brackets, commas and colons outside of texts

// Empty: an object without fields, as clients of calls without any send nothing.
nlohmann::json parse_body(std::string_view text);

class Body {
  public:
    // `prefix` names it in messages: "EphemeralStorage.".
    explicit Body(const nlohmann::json& object, std::string prefix = {})
        : object_(object), prefix_(std::move(prefix)) {}

    // null is as if it were not there.
    const nlohmann::json* find(const char* key) const;
    std::optional<std::string> text(const char* key, std::size_t bytes_max) const;
    std::optional<std::int64_t> number(const char* key, std::int64_t least,
                                       std::int64_t most) const;
    bool flag(const char* key) const;  // false: not there
    // Standard base64 (RFC 4648 §4).
    std::optional<std::string> bytes(const char* key) const;
    // An object of the name; its fields are read like these.
    std::optional<Body> object(const char* key) const;
    const nlohmann::json& all() const { return object_; }

  private:
    Fault wrong(const char* key, const std::string& what) const;

    const nlohmann::json& object_;
    std::string prefix_;
};

}  // namespace skerry::lambda_api
