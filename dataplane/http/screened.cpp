// Admission rules: the part of Server that holds requests against them.
#include "dataplane/classify/normal.hpp"
#include "dataplane/http/server.hpp"

namespace skerry::http {
namespace {

static_assert(kFieldsMax <= rules::kFieldsMax && kHeadBytesMax <= rules::kQueryBytesMax);

Refusal refusal_of(const rules::Verdict& verdict) {
    return verdict.kind == rules::Verdict::Kind::denied ? Refusal::rule_denied : Refusal::rule_rate;
}

}  // namespace

// The head. False: the client has been told. A path that has no normal form can't be held against
// rules of paths, so it does not get past them.
bool Server::passes_rules(std::uint32_t connection) {
    std::array<char, classify::kPathBytesMax> buffer;
    rules::Head head;
    if (screen_.needs_path() && !head_.path.empty()) {
        const classify::Fault fault = classify::normalise_path(head_.path, buffer, head.path);
        if (fault != classify::Fault::none) {
            decline(
                connection,
                fault == classify::Fault::too_long ? Refusal::target_too_long : Refusal::bad_path,
                {});
            return false;
        }
    }
    std::array<rules::Field, kFieldsMax> fields;
    for (std::uint32_t i = 0; i < head_.field_count; ++i)
        fields[i] = {head_.name(head_.fields[i]), head_.value(head_.fields[i])};
    head.query = head_.query;
    head.fields = {fields.data(), head_.field_count};
    head.source = transport_.source(connection);
    const rules::Verdict verdict = screen_.judge_head(head);
    if (verdict.kind == rules::Verdict::Kind::pass) [[likely]]
        return true;
    decline(connection, refusal_of(verdict), {}, verdict.status);
    return false;
}

// The next piece of a body. False: the client has been told, and the rest is not waited for: the
// connection ends.
bool Server::body_passes_rules(std::uint32_t connection, std::string_view piece) {
    Session& session = sessions_[connection];
    const std::uint32_t slowest = piece.empty() ? rules::kNone : screen_.in_the_way(connection);
    if (slowest != rules::kNone) refuse(slowest, Refusal::rules_no_room);
    bool done = false;
    const rules::Verdict verdict = screen_.judge_body(connection, piece, session.body.complete(),
                                                      transport_.source(connection), done);
    session.screened = !done;
    if (verdict.kind == rules::Verdict::Kind::pass) [[likely]]
        return true;
    refuse(connection, refusal_of(verdict), Route::none, verdict.status);
    return false;
}

}  // namespace skerry::http
