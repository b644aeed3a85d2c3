// skerryctl artifact …
#include "tools/skerryctl/signing.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "control/catalog/catalog.hpp"
#include "control/signing/keys.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tools/skerryctl/artifact.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxSignatureFileBytes = 1024;

Failure usage(const std::string& text) {
    return {kExitUsage, "usage", text, {}};
}

// A new file; what is there already is never written over.
Status write_new(const std::string& path, mode_t mode, const std::string& text) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd) return errno_error("make " + path);
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0)
        return errno_error("write " + path);
    return ok();
}

Result<std::string> read_signature(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error("open " + path);
    std::string text(kMaxSignatureFileBytes, '\0');
    const ssize_t size = ::read(fd.get(), text.data(), text.size());
    if (size < 0) return errno_error("read " + path);
    text.resize(static_cast<std::size_t>(size));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!signing::parse(text))
        return Error{EINVAL, path +
                                 ": needed is one line ed25519.KEY.SIGNATURE, as "
                                 "skerryctl artifact sign writes it"};
    return text;
}

std::string parameter(const DeployOptions& options, const std::string& name) {
    for (const auto& [key, value] : options.parameters)
        if (key == name) return value;
    return {};
}

// The variables as the API takes them. Judged here too: a long one would not reach the server.
std::optional<Failure> pack(const std::vector<std::string>& given, std::string& packed) {
    catalog::Variables variables;
    for (const std::string& one : given) {
        const auto equals = one.find('=');
        if (equals == std::string::npos)
            return Failure{kExitUsage, "bad-value", "--env: found \"" + one + "\"", {"NAME=value"}};
        variables.emplace_back(one.substr(0, equals), one.substr(equals + 1));
    }
    auto made = catalog::pack_environment(std::move(variables));
    if (!made) return Failure{kExitUsage, "bad-value", "--env: " + made.error().text, {}};
    packed = std::move(*made);
    return std::nullopt;
}

}  // namespace

bool is_url(const std::string& artifact) {
    return artifact.starts_with("https://") || artifact.starts_with("http://");
}

std::optional<Failure> make_subject(const DeployOptions& options, Subject& subject) {
    const auto kind = runtime::kind_of(options.runtime);
    const bool fetched = is_url(options.artifact);
    if (fetched || options.artifact.empty()) {
        if (options.sha256.empty())
            return usage(fetched ? "an artifact from a URL needs --sha256"
                                 : "--artifact is needed");
        subject.digest = options.sha256;
    } else {
        auto bytes = make_artifact(options.artifact, kind && runtime::needs_handler(*kind));
        if (!bytes) return Failure{kExitUsage, "bad-artifact", bytes.error().text, {}};
        subject.bytes = std::move(*bytes);
        subject.digest = signing::sha256_text(subject.bytes);
        if (!options.sha256.empty() && options.sha256 != subject.digest)
            return Failure{
                kExitUsage, "digest-mismatch", "the artifact hashes to " + subject.digest, {}};
    }
    return pack(options.environment, subject.environment);
}

signing::Statement statement_of(const DeployOptions& options, const Subject& subject) {
    return {.function = options.name,
            .archive = subject.digest,
            .runtime = options.runtime,
            .handler = parameter(options, "handler"),
            .environment = subject.environment};
}

namespace {

// What can be signed at all: nothing in it can be mistaken for another line.
std::optional<Failure> judge(const DeployOptions& options, const Subject& subject) {
    if (const Status good = catalog::validate_name(options.name); !good)
        return Failure{kExitUsage, "bad-name", good.error().text, {}};
    const auto kind = runtime::kind_of(options.runtime);
    if (!kind) return Failure{kExitUsage, "bad-value", "--runtime: there is no such runtime", {}};
    const Status good = catalog::validate(
        catalog::Runtime{*kind, parameter(options, "handler"), subject.environment});
    if (!good) return Failure{kExitUsage, "bad-value", good.error().text, {}};
    const bool digest = subject.digest.size() == 64 &&
                        subject.digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!digest)
        return Failure{kExitUsage, "bad-value", "--sha256: needed are 64 of 0-9 and a-f", {}};
    return std::nullopt;
}

}  // namespace

std::optional<Failure> signature_for(const DeployOptions& options, const Subject& subject,
                                     std::string& signature) {
    if (!options.sign_key.empty() && !options.signature_file.empty())
        return usage("--sign-key or --signature, not both");
    if (!options.signature_file.empty()) {
        auto text = read_signature(options.signature_file);
        if (!text) return Failure{kExitUsage, "bad-signature", text.error().text, {}};
        signature = std::move(*text);
        return std::nullopt;
    }
    if (options.sign_key.empty()) return std::nullopt;
    if (auto failure = judge(options, subject)) return failure;
    const auto key = signing::PrivateKey::load(options.sign_key);
    if (!key) return Failure{kExitUsage, "bad-key", key.error().text, {}};
    const auto made = key->sign(signing::text_of(statement_of(options, subject)));
    if (!made) return Failure{kExitFailed, "not-signed", made.error().text, {}};
    signature = signing::render(*made);
    return std::nullopt;
}

int make_key(const Common& common, const std::string& path) {
    const auto fail = [&](const Error& error) {
        return report({kExitFailed, "key", error.text, {}}, common.json);
    };
    const auto key = signing::PrivateKey::make();
    if (!key) return fail(key.error());
    const auto secret = key->private_pem(), open = key->public_pem();
    const auto half = key->public_key();
    if (!secret || !open || !half) return fail({ENOMEM, "the key can't be written as PEM"});
    if (const Status done = write_new(path, 0600, *secret); !done) return fail(done.error());
    if (const Status done = write_new(path + ".pub", 0644, *open); !done) return fail(done.error());
    if (common.json)
        print_json({{"key", path}, {"public_key", path + ".pub"}, {"id", half->fingerprint()}});
    else
        std::printf("%s\n", half->fingerprint().c_str());
    return kExitOk;
}

int sign_artifact(const Common& common, const SignOptions& options) {
    Subject subject;
    if (auto failure = make_subject(options.subject, subject)) return report(*failure, common.json);
    std::string signature;
    if (auto failure = signature_for(options.subject, subject, signature))
        return report(*failure, common.json);
    if (!options.output.empty())
        if (const Status done = write_new(options.output, 0644, signature + "\n"); !done)
            return report({kExitFailed, "not-written", done.error().text, {}}, common.json);
    if (common.json)
        print_json({{"digest", subject.digest}, {"signature", signature}});
    else if (options.output.empty())
        std::printf("%s\n", signature.c_str());
    return kExitOk;
}

int show_statement(const Common& common, const SignOptions& options) {
    Subject subject;
    if (auto failure = make_subject(options.subject, subject)) return report(*failure, common.json);
    if (auto failure = judge(options.subject, subject)) return report(*failure, common.json);
    const std::string text = signing::text_of(statement_of(options.subject, subject));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kExitOk;
}

int verify_artifact(const Common& common, const SignOptions& options) {
    Subject subject;
    if (auto failure = make_subject(options.subject, subject)) return report(*failure, common.json);
    if (auto failure = judge(options.subject, subject)) return report(*failure, common.json);
    const auto key = signing::PublicKey::load(options.public_key);
    if (!key) return report({kExitUsage, "bad-key", key.error().text, {}}, common.json);
    const auto text = read_signature(options.subject.signature_file);
    if (!text) return report({kExitUsage, "bad-signature", text.error().text, {}}, common.json);
    const auto signature = signing::parse(*text);
    const bool good =
        signature && signature->key == key->fingerprint() &&
        key->verifies(signing::text_of(statement_of(options.subject, subject)), *signature);
    if (!good)
        return report({kExitFailed,
                       "bad-signature",
                       "it is not of this function with this artifact and these settings, or not "
                       "by this key",
                       {}},
                      common.json);
    if (common.json)
        print_json({{"signed_by", key->fingerprint()}});
    else
        std::printf("signed by %s\n", key->fingerprint().c_str());
    return kExitOk;
}

}  // namespace skerry::ctl
