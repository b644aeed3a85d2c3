// What skerryctl signs, and how a deploy comes by its signature.
#pragma once

#include <optional>
#include <string>

#include "control/signing/signature.hpp"
#include "sandbox/base/result.hpp"
#include "tools/skerryctl/commands.hpp"
#include "tools/skerryctl/output.hpp"

namespace skerry::ctl {

// An artifact that is fetched by the server: "http://…" or "https://…".
bool is_url(const std::string& artifact);

// What is deployed, as far as it is known here.
struct Subject {
    std::string digest;       // SHA-256 of the archive
    std::string bytes;        // of it; empty: it is the server that fetches it
    std::string environment;  // as catalog::Runtime has it
};
std::optional<Failure> make_subject(const DeployOptions& options, Subject& subject);

signing::Statement statement_of(const DeployOptions& options, const Subject& subject);

// By --sign-key, or from the file of --signature; empty: by neither.
std::optional<Failure> signature_for(const DeployOptions& options, const Subject& subject,
                                     std::string& signature);

}  // namespace skerry::ctl
