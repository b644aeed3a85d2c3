// Requests for none of the service's own paths: what their route's function gets.
#include "dataplane/classify/published.hpp"
#include "dataplane/function_url/event.hpp"
#include "dataplane/http/server.hpp"
#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/writer.hpp"

namespace skerry::http {
namespace {

static_assert(1 << static_cast<int>(Method::connect) == classify::method::connect);
static_assert(1 << static_cast<int>(Method::delete_) == classify::method::delete_);

class HeadFields final : public classify::Fields {
  public:
    explicit HeadFields(const Head& head) : head_(head) {}
    bool next(std::string_view lower_name, std::uint32_t& at,
              std::string_view& value) const override {
        while (at < head_.field_count) {
            const Field& field = head_.fields[at++];
            if (!equals_lower(head_.name(field), lower_name)) continue;
            value = head_.value(field);
            return true;
        }
        return false;
    }

  private:
    const Head& head_;
};

// A verified signature is not handed on: for five minutes it could be used again.
std::size_t fields_of_event(const Head& head, bool is_signed,
                            std::span<function_url::Field, kFieldsMax> fields) {
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < head.field_count; ++i) {
        const std::string_view name = head.name(head.fields[i]);
        if (is_signed && equals_lower(name, "authorization")) continue;
        fields[count++] = {name, head.value(head.fields[i])};
    }
    return count;
}

Refusal refusal_of(classify::Fault fault) {
    return fault == classify::Fault::too_long ? Refusal::target_too_long : Refusal::bad_path;
}

}  // namespace

void Server::on_routed(std::uint32_t connection) {
    const classify::Published* routes = is_reserved(head_.path) ? nullptr : invocations_.routes();
    if (routes == nullptr) return decline(connection, Refusal::no_route, {});
    const HeadFields fields(head_);
    const classify::Request request{
        head_.authority, head_.path, head_.query,
        static_cast<std::uint16_t>(1u << static_cast<unsigned>(head_.method)), &fields};
    classify::Outcome outcome;
    classifier_.classify(*routes->table, {&request, 1}, {&outcome, 1});
    switch (outcome.verdict) {
        case classify::Verdict::route:
            return on_route_found(connection, *routes, outcome);
        case classify::Verdict::malformed:
            return decline(connection, refusal_of(outcome.fault), {});
        case classify::Verdict::no_route:
            return decline(connection, Refusal::no_route, {});
        case classify::Verdict::wrong_method:
            break;
    }
    std::array<char, 80> allow;
    runtime_api::Writer names(allow.data(), allow.size());
    for (std::size_t i = 0; i < kMethods; ++i)
        if (outcome.allowed >> i & 1)
            names << (names.size() == 0 ? "" : ", ") << method_name(static_cast<Method>(i));
    decline(connection, Refusal::wrong_method, {allow.data(), names.size()});
}

// Whose request it is, where the route does not take everybody's. What is signed is the field Host:
// a target with another host (RFC 9112 §3.2.2) is not what the signer meant.
Refusal Server::check_caller(std::uint32_t connection, const auth::AccessKey*& key) {
    const Refusal refusal = check_signature(connection, key);
    const bool other_host =
        head_.form == TargetForm::absolute && head_.find("host") != head_.authority;
    return refusal == Refusal::none && other_host ? Refusal::wrong_signature : refusal;
}

void Server::on_route_found(std::uint32_t connection, const classify::Published& routes,
                            const classify::Outcome& outcome) {
    const Session& session = sessions_[connection];
    const classify::Row& row = routes.table->rows[outcome.rank];
    const classify::Callee& callee = routes.callees[row.route];
    const auth::AccessKey* key = nullptr;
    Call call;
    join_trace(connection, call);
    Refusal refusal = callee.is_public ? Refusal::none : check_caller(connection, key);
    if (refusal == Refusal::none && !function_url::fits(head_.query))
        refusal = Refusal::query_too_long;
    if (refusal == Refusal::none) refusal = describe_repeats(call);
    if (refusal != Refusal::none) return decline(connection, refusal, {});
    if (key != nullptr && !key->allows(callee.function)) {
        if (!identified(connection)) return withhold(connection, Refusal::key_denied, {}, call);
        return decline(connection, Refusal::key_denied, {});
    }
    std::array<classify::Param, classify::kParamsMax> params;
    const std::uint32_t param_count =
        classify::params_of(routes.table->text(row.pattern), outcome.path, params);
    std::array<function_url::Field, kFieldsMax> fields;
    const std::size_t field_count = fields_of_event(head_, !callee.is_public, fields);
    std::array<char, 46> address;
    const function_url::Event event{
        .method = method_name(head_.method),
        .path = outcome.path,
        .host = outcome.host,
        .query = head_.query,
        .fields = {fields.data(), field_count},
        .params = {params.data(), param_count},
        .protocol = head_.is_1_0 ? "HTTP/1.0" : "HTTP/1.1",
        .source_ip = transport_.peer(connection, address),
        .date = date_.text(),
        .unix_s = date_.unix_s(),
        .request_id_hi = session.request_id_hi,
        .request_id_lo = session.request_id_lo,
        .has_body = head_.has_body(),
        .access_key = key == nullptr ? std::string_view{} : key->id(),
    };
    call.exchange = exchange_of(connection);
    call.function = callee.function;
    call.qualifier = callee.qualifier;
    call.request_id_hi = session.request_id_hi;
    call.request_id_lo = session.request_id_lo;
    call.payload_bytes = head_.chunked ? kUnknownBytes : head_.content_length;
    call.event = &event;
    call.retry_id = head_.find("amz-sdk-invocation-id");
    if (key != nullptr) call.access_key = key->id();
    call.head_only = session.head_only;
    decide(connection, call);
}

}  // namespace skerry::http
