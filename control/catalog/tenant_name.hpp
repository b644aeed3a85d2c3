// What a tenant may be called, in the configuration and of a function.
#pragma once

#include <string_view>

namespace skerry::catalog {

inline constexpr char kDefaultTenant[] = "default";  // of functions that name none
inline constexpr char kTenantNameAllowed[] = "1 to 32 characters of a-z, A-Z, 0-9, - and _";

constexpr bool is_tenant_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 &&
           name.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789-_") == std::string_view::npos;
}

}  // namespace skerry::catalog
