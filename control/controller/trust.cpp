// Whose versions are executed here: those that this server's own configuration trusts, whoever has
// brought them.
#include "control/controller/controller.hpp"

namespace skerry::control {

Status Controller::judge_trust(const catalog::Function& function,
                               const std::string& version) const {
    return trust_.judge(catalog::statement_of(function.name, function.build_of(version)),
                        function.signature_of(version));
}

// Of a deploy whose digest is known, before anything reads the archive. A version that is here
// already keeps its signature: other limits need no new one.
std::optional<admin::ApiError> Controller::judge_signature(admin::DeployRequest& request) {
    const catalog::Build build{request.digest, request.runtime};
    if (request.signature.empty()) {
        const std::lock_guard lock(mutex_);
        if (const catalog::Function* there = catalog_.find(request.name))
            request.signature =
                there->signature_of(catalog::version_of(build.archive, build.runtime));
    }
    const Status trusted =
        trust_.judge(catalog::statement_of(request.name, build), request.signature);
    if (trusted) return std::nullopt;
    const char* code = request.signature.empty()              ? "unsigned"
                       : trusted.error().code == EKEYREJECTED ? "bad-signature"
                                                              : "untrusted-key";
    return admin::ApiError{422, code, trusted.error().text, {}};
}

// Verifies what was not verified before. Under the control lock.
void Controller::note_trust(const catalog::Function& function) {
    Deployed& deployed = deployed_.at(function.name);
    std::map<std::string, Deployed::Judged> judged;
    for (const std::string& version : function.versions) {
        std::string signature = function.signature_of(version);
        const auto before = deployed.judged.find(version);
        if (before != deployed.judged.end() && before->second.signature == signature) {
            judged.insert(*before);
            continue;
        }
        const Status trusted = judge_trust(function, version);
        judged[version] = {std::move(signature), trusted ? std::string() : trusted.error().text};
    }
    deployed.judged = std::move(judged);
}

}  // namespace skerry::control
