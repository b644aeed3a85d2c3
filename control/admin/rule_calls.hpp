// The admin API's calls about admission rules (API.md). Their bodies are JSON that somebody wrote:
// of wrong types as well.
#pragma once

#include "control/admin/api.hpp"

namespace skerry::admin {

Answer get_rules(const Call& call, const std::string& name, std::string_view query,
                 Backend& backend);
Answer post_rule(const Call& call, const std::string& name, std::string_view query,
                 Backend& backend);
Answer put_rules(const Call& call, const std::string& name, std::string_view query,
                 Backend& backend);
Answer delete_rule(const Call& call, const std::string& name, std::string_view query,
                   Backend& backend);
Answer post_rule_test(const Call& call, const std::string& name, std::string_view query,
                      Backend& backend);

}  // namespace skerry::admin
