#include "control/admin/rule_calls.hpp"

#include "control/admin/json_call.hpp"
#include "control/admin/render.hpp"
#include "control/admin/route_calls.hpp"
#include "control/rules/json.hpp"

namespace skerry::admin {
namespace {

constexpr std::size_t kMaxRuleBytes = 256 << 10;

template <typename T>
Answer answer_of(const ApiResult<T>& result) {
    if (!result.ok) return error_answer(result.error);
    return {200, "application/json", dump(to_json(result.value))};
}

}  // namespace

Answer get_rules(const Call&, const std::string&, std::string_view, Backend& backend) {
    return answer_of(ApiResult<RulesOutcome>{{backend.rules(), {}}, true, {}});
}

Answer post_rule(const Call& call, const std::string&, std::string_view query, Backend& backend) {
    const auto body = json_body(call, query, kMaxRuleBytes);
    if (!body.ok) return error_answer(body.error);
    const Result<rules::Declared> rule = rules::rule_of(body.value);
    if (!rule) return error_answer({400, "bad-rule", rule.error().text, {}});
    return answer_of(backend.add_rule(*rule));
}

// All of them at once, as in the file that they are kept in.
Answer put_rules(const Call& call, const std::string&, std::string_view query, Backend& backend) {
    const auto body = json_body(call, query, rules::kFileBytesMax);
    if (!body.ok) return error_answer(body.error);
    Result<std::vector<rules::Declared>> all = rules::rules_of(body.value);
    if (!all) return error_answer({400, "bad-rule", all.error().text, {}});
    return answer_of(backend.replace_rules(std::move(*all)));
}

Answer delete_rule(const Call&, const std::string& name, std::string_view, Backend& backend) {
    return answer_of(backend.delete_rule(name));
}

Answer post_rule_test(const Call& call, const std::string&, std::string_view query,
                      Backend& backend) {
    const auto body = json_body(call, query, kMaxRuleBytes);
    if (!body.ok) return error_answer(body.error);
    RuleTest test;
    if (const auto error = take_request(body.value, test.request)) return error_answer(*error);
    const auto found = body.value.find("body");
    if (found != body.value.end()) {
        if (!found->is_string())
            return error_answer(
                {400, "bad-request", "a member is not what it must be", {"body: a text"}});
        test.body = found->get<std::string>();
    }
    return answer_of(backend.test_rules(test));
}

}  // namespace skerry::admin
