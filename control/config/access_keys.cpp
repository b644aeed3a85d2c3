#include "control/config/access_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "control/catalog/tenant_name.hpp"
#include "control/config/checks.hpp"
#include "dataplane/auth/authorization.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::config {
namespace {

constexpr std::size_t kSecretFileBytesMax = 1024;

// "access key AKID…: secret_file /path: what is wrong": never what is in the file.
Error complaint(const AccessKey& key, const std::string& what) {
    return {0, "access key " + key.id + ": secret_file " + key.secret_file + ": " + what};
}

}  // namespace

Result<std::string> read_secret(const std::string& path, std::size_t least_bytes,
                                std::size_t most_bytes) {
    // Not blocking: a FIFO in the place of the file must not hang the control thread.
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd || fstat(fd.get(), &info) != 0) return Error{0, std::strerror(errno)};
    if (!S_ISREG(info.st_mode)) return Error{0, "not a regular file"};
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return Error{0, "others than its owner may read it: chmod 600 " + path};
    if (info.st_uid != 0 && info.st_uid != geteuid())
        return Error{0, "its owner is neither root nor this user"};
    std::array<char, kSecretFileBytesMax + 1> bytes;
    const ssize_t size = read(fd.get(), bytes.data(), bytes.size());
    if (size < 0) return Error{0, std::strerror(errno)};
    std::string secret(bytes.data(), static_cast<std::size_t>(size));
    bytes.fill('\0');
    const auto white = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!secret.empty() && white(secret.back())) secret.pop_back();
    while (!secret.empty() && white(secret.front())) secret.erase(0, 1);
    if (secret.size() < least_bytes || secret.size() > most_bytes ||
        std::any_of(secret.begin(), secret.end(), [](char c) { return c < '!' || c > '~'; }))
        return Error{0, "not one word of " + std::to_string(least_bytes) + " to " +
                            std::to_string(most_bytes) + " visible ASCII characters"};
    return secret;
}

bool is_signing_region(const std::string& text) {
    return !text.empty() && text.size() <= auth::kRegionBytesMax &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
}

void read_access_key(const toml::table& table, std::size_t index, Config& config,
                     Problems& problems) {
    const std::string name = "access_key[" + std::to_string(index) + "].";
    Reader r(table, name, problems);
    AccessKey key;
    const std::string id_allowed = "3 to 128 characters of a-z, A-Z, 0-9 and _";
    r.text("id", key.id, id_allowed, auth::is_key_id);
    r.require("id", id_allowed);
    const std::string file_allowed = "the absolute path of a file with the secret in it";
    r.text("secret_file", key.secret_file, file_allowed, is_absolute_path);
    r.require("secret_file", file_allowed);
    static constexpr Word<bool> kStatus[] = {{"active", true}, {"retired", false}};
    r.word("status", key.active, kStatus);
    const std::string functions_allowed =
        "a list of at most 64 patterns: a function's name, or its beginning and \"*\"";
    r.list("functions", auth::kPatternsMax, functions_allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        if (text == nullptr || !auth::is_pattern(text->get()))
            return problems.add(line_of(node), name + "functions", describe(node),
                                functions_allowed);
        key.functions.push_back(text->get());
    });
    r.require("functions", "what it may invoke: " + functions_allowed);
    r.flag("manage", key.manage);
    if (r.text("tenant", key.tenant, catalog::kTenantNameAllowed, catalog::is_tenant_name) &&
        !key.manage)
        r.problem("tenant", quoted(key.tenant), "nothing for a key without manage");
    r.instant("not_after", key.not_after_s);
    for (const AccessKey& other : config.access_keys)
        if (!key.id.empty() && other.id == key.id)
            r.problem("id", quoted(key.id) + " again", "an id for each key");
    r.finish();
    config.access_keys.push_back(std::move(key));
}

Result<std::vector<auth::AccessKeySpec>> load_secrets(const std::vector<AccessKey>& keys) {
    std::vector<auth::AccessKeySpec> specs;
    for (const AccessKey& key : keys) {
        auto secret = read_secret(key.secret_file, auth::kSecretBytesMin, auth::kSecretBytesMax);
        if (!secret) return complaint(key, secret.error().text);
        specs.push_back({.id = key.id,
                         .secret = std::move(*secret),
                         .active = key.active,
                         .functions = key.functions,
                         .not_after_s = key.not_after_s,
                         .manage = key.manage,
                         .tenant = key.tenant});
    }
    return specs;
}

}  // namespace skerry::config
