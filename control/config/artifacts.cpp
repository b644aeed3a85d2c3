#include "control/config/artifacts.hpp"

#include <algorithm>

#include "control/config/checks.hpp"
#include "control/signing/trust.hpp"

namespace skerry::config {
namespace {

constexpr std::size_t kOriginsMax = 64;

void read_texts(Reader& r, const char* key, std::size_t most, const std::string& allowed,
                bool (*good)(const std::string&), std::vector<std::string>& to,
                Problems& problems) {
    const std::string name = std::string("artifacts.") + key;
    r.list(key, most, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !good(text->get()))
            return problems.add(line_of(node), name, describe(node), allowed);
        if (std::find(to.begin(), to.end(), text->get()) != to.end())
            return problems.add(line_of(node), name, describe(node) + " again", "each once");
        to.push_back(text->get());
    });
}

}  // namespace

void read_artifacts(Reader& top, Artifacts& a, Problems& problems) {
    const toml::table* table = top.table("artifacts");
    if (table == nullptr) return;
    Reader r(*table, "artifacts.", problems);
    read_texts(r, "trusted_keys", signing::kMaxTrustedKeys,
               "a list of at most " + std::to_string(signing::kMaxTrustedKeys) +
                   " absolute paths of PEM files, each with an Ed25519 public key",
               is_absolute_path, a.trusted_keys, problems);
    r.flag("require_signature", a.require_signature);
    read_texts(r, "origins", kOriginsMax,
               "a list of at most " + std::to_string(kOriginsMax) +
                   " origins without a path, like \"https://builds.example:8443\"",
               is_endpoint, a.origins, problems);
    r.text("tls_ca", a.tls_ca, "an absolute path", is_absolute_path);
    r.integer("fetch_timeout_s", a.fetch_timeout_s, 1, 500);
    if (a.require_signature && a.trusted_keys.empty())
        r.problem("require_signature", "true, and no trusted_keys",
                  "at least one of trusted_keys: nothing could ever be deployed");
    r.finish();
}

}  // namespace skerry::config
