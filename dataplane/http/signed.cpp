// Requests that must be signed: the part of Server that sees to it.
#include "dataplane/http/signed.hpp"

#include <algorithm>
#include <type_traits>

#include "dataplane/http/server.hpp"

namespace skerry::http {
namespace {

static_assert(std::is_trivially_default_constructible_v<Claim> && sizeof(Claim) <= 640);
static_assert(kFieldsMax <= auth::kFieldsMax && kQualifierBytesMax <= 255);

}  // namespace

Refusal refusal_of(auth::Verdict verdict) {
    using auth::Verdict;
    switch (verdict) {
        case Verdict::good:
            return Refusal::none;
        case Verdict::no_signature:
            return Refusal::no_signature;
        case Verdict::incomplete:
            return Refusal::incomplete_signature;
        case Verdict::wrong_scope:
            return Refusal::wrong_scope;
        case Verdict::unsigned_header:
            return Refusal::unsigned_header;
        case Verdict::too_old:
            return Refusal::signature_expired;
        case Verdict::too_new:
            return Refusal::signature_early;
        case Verdict::unknown_key:
            return Refusal::unknown_key;
        case Verdict::expired_key:
            return Refusal::expired_key;
        case Verdict::unsigned_payload:
            return Refusal::unsigned_payload;
        case Verdict::mismatch:
            break;
    }
    return Refusal::wrong_signature;
}

Refusal Signed::begin(const Head& head, Claim& claim, const auth::AccessKey*& key) {
    std::array<auth::Field, kFieldsMax> fields;
    for (std::uint32_t i = 0; i < head.field_count; ++i)
        fields[i] = {head.name(head.fields[i]), head.value(head.fields[i])};
    return refusal_of(verifier_.begin(
        {method_name(head.method), head.path, head.query, {fields.data(), head.field_count}},
        claim.proof, key));
}

Refusal Signed::finish(Claim& claim) {
    return refusal_of(verifier_.finish(claim.proof));
}

// The head's part of it; all of it, if there is no body.
Refusal Server::check_signature(std::uint32_t connection, const auth::AccessKey*& key) {
    Session& session = sessions_[connection];
    Claim& claim = signed_->claim(connection);
    const Refusal refusal = signed_->begin(head_, claim, key);
    if (refusal != Refusal::none) return refusal;
    if (session.body.complete()) return signed_->finish(claim);
    session.unproven = true;
    return Refusal::none;
}

// There is an answer already, but who asks is not proved: it waits for the body.
void Server::withhold(std::uint32_t connection, Refusal refusal, const Answer& answer,
                      const Call& call) {
    Session& session = sessions_[connection];
    Claim& claim = signed_->claim(connection);
    session.withheld = true;
    session.answer = answer;
    claim.refusal = refusal;
    claim.function_bytes = static_cast<std::uint8_t>(call.function.size());
    claim.qualifier_bytes = static_cast<std::uint8_t>(call.qualifier.size());
    std::copy(call.function.begin(), call.function.end(), claim.function.begin());
    std::copy(call.qualifier.begin(), call.qualifier.end(), claim.qualifier.begin());
    begin_body(connection);
}

// The body has come. False: the client has been told something already.
bool Server::proved(std::uint32_t connection) {
    Session& session = sessions_[connection];
    session.unproven = false;
    const Refusal refusal = signed_->finish(signed_->claim(connection));
    if (refusal == Refusal::none && !session.withheld) return true;
    if (session.started) {
        session.started = false;
        invocations_.cancel(exchange_of(connection));
    }
    if (transport_.room(connection) < kAnswerBytesMax) {
        // There was room when the head came. Others have taken it since.
        counters_.count(Reason::http_slow_reader);
        close(connection);
    } else if (refusal != Refusal::none) {
        decline(connection, refusal, {});
    } else {
        say_withheld(connection);
    }
    return false;
}

void Server::say_withheld(std::uint32_t connection) {
    const Claim& claim = signed_->claim(connection);
    if (claim.refusal != Refusal::none) return decline(connection, claim.refusal, {});
    const Answer& answer = sessions_[connection].answer;
    // Nothing but a dry run is turned down with good news.
    turn_down(connection, answer, answer.status == ReplyStatus::ok,
              {claim.function.data(), claim.function_bytes},
              {claim.qualifier.data(), claim.qualifier_bytes});
}

}  // namespace skerry::http
