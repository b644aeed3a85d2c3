#include "control/catalog/runtime.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "control/catalog/artifacts.hpp"

namespace skerry::catalog {
namespace {

// What the runtime sets itself. A function that could set them would be told another truth about
// itself than skerryd's, or lose its way to it.
constexpr std::string_view kReservedPrefixes[] = {"AWS_LAMBDA_", "LAMBDA_", "_X_AMZN", "SKERRY_"};
constexpr std::string_view kReservedNames[] = {"_HANDLER", "AWS_REGION", "AWS_DEFAULT_REGION",
                                               "AWS_EXECUTION_ENV"};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Text from a stranger, for a message.
std::string shown(std::string_view text) {
    std::string out = "\"";
    for (const char c : text.substr(0, 60)) out += c >= ' ' && c < 0x7f ? c : '?';
    return out + (text.size() > 60 ? "…\"" : "\"");
}

// Well-formed as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char lead = byte(i);
        const std::size_t length = lead < 0x80                   ? 1
                                   : lead >= 0xc2 && lead < 0xe0 ? 2
                                   : lead >= 0xe0 && lead < 0xf0 ? 3
                                   : lead >= 0xf0 && lead < 0xf5 ? 4
                                                                 : 0;
        if (length == 0 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((byte(i + k) & 0xc0) != 0x80) return false;
        if ((lead == 0xe0 && byte(i + 1) < 0xa0) || (lead == 0xed && byte(i + 1) > 0x9f) ||
            (lead == 0xf0 && byte(i + 1) < 0x90) || (lead == 0xf4 && byte(i + 1) > 0x8f))
            return false;
        i += length;
    }
    return true;
}

Status validate_variable(const std::string& name, const std::string& value) {
    const auto wrong = [&](const std::string& why) {
        return Error{EINVAL, "environment: found the name " + shown(name) + ", " + why};
    };
    if (name.empty() || !is_letter(name[0]) ||
        !std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); }))
        return wrong("allowed are A-Z, a-z, 0-9 and _, with no digit first");
    const bool reserved = std::find(std::begin(kReservedNames), std::end(kReservedNames), name) !=
                              std::end(kReservedNames) ||
                          std::any_of(std::begin(kReservedPrefixes), std::end(kReservedPrefixes),
                                      [&](std::string_view prefix) {
                                          return name.compare(0, prefix.size(), prefix) == 0;
                                      });
    if (reserved)
        return wrong(
            "which is reserved: AWS_LAMBDA_…, LAMBDA_…, SKERRY_…, _X_AMZN…, _HANDLER, AWS_REGION, "
            "AWS_DEFAULT_REGION and AWS_EXECUTION_ENV are set by the runtime");
    if (value.find('\0') != std::string::npos || !is_utf8(value))
        return Error{EINVAL, "environment: the value of " + name + " is not UTF-8 without NUL"};
    return ok();
}

Status validate_environment(const std::string& environment) {
    if (environment.empty()) return ok();
    if (environment.back() != '\0') return Error{EINVAL, "environment: does not end with NUL"};
    const auto packed = pack_environment(variables_of(environment));
    if (!packed) return packed.error();
    if (*packed != environment) return Error{EINVAL, "environment: not NAME=value sorted by name"};
    return ok();
}

Status validate_handler(const std::string& handler) {
    const auto wrong = [&](const std::string& why) {
        return Error{EINVAL, "handler: found " + shown(handler) + ", " + why};
    };
    if (handler.size() > kMaxHandlerBytes)
        return wrong("allowed are " + std::to_string(kMaxHandlerBytes) + " bytes");
    if (!std::all_of(handler.begin(), handler.end(), [](char c) {
            return is_letter(c) || is_digit(c) || c == '.' || c == '/' || c == '-';
        }))
        return wrong("allowed are A-Z, a-z, 0-9, \"_\", \".\", \"/\" and \"-\"");
    if (handler[0] == '/' || handler.find("..") != std::string::npos)
        return wrong("needed is a path inside the artifact, without \"..\"");
    return ok();
}

// "dir/file.function" → "dir/file"; empty: it is none. Node takes all behind the file name's first
// dot as the name of what is exported ("file.api.get"); Python's modules may have dots themselves.
std::string module_of(const Runtime& runtime) {
    const std::string& handler = runtime.handler;
    const auto slash = handler.rfind('/');
    const std::size_t file = slash == std::string::npos ? 0 : slash + 1;
    const auto dot =
        runtime.kind == runtime::Kind::nodejs ? handler.find('.', file) : handler.rfind('.');
    if (dot == std::string::npos || dot <= file || dot + 1 == handler.size()) return {};
    return handler.substr(0, dot);
}

}  // namespace

Result<std::string> pack_environment(Variables variables) {
    std::sort(variables.begin(), variables.end());
    std::string packed;
    for (std::size_t i = 0; i < variables.size(); ++i) {
        const auto& [name, value] = variables[i];
        if (Status valid = validate_variable(name, value); !valid) return valid.error();
        if (i != 0 && variables[i - 1].first == name)
            return Error{EINVAL, "environment: found " + name + " twice"};
        packed += name + "=" + value + '\0';
    }
    if (packed.size() > kMaxEnvironmentBytes)
        return Error{EINVAL, "environment: found " + std::to_string(packed.size()) +
                                 " bytes in all, allowed " + std::to_string(kMaxEnvironmentBytes)};
    return packed;
}

Variables variables_of(const std::string& environment) {
    Variables variables;
    for (std::size_t at = 0; at < environment.size();) {
        const std::size_t end = std::min(environment.find('\0', at), environment.size());
        const std::string one = environment.substr(at, end - at);
        const std::size_t equals = std::min(one.find('='), one.size());
        variables.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
        at = end + 1;
    }
    return variables;
}

Status validate(const Runtime& runtime) {
    if (runtime.kind > runtime::Kind::nodejs)
        return Error{EINVAL, "runtime: not one of native, provided, python3 and nodejs"};
    const std::string kind(runtime::kind_name(runtime.kind));
    if (runtime.handler.empty() && runtime::needs_handler(runtime.kind))
        return Error{EINVAL, "handler: none was given; " + kind + " needs one: file.function"};
    if (!runtime.handler.empty()) {
        if (runtime.kind == runtime::Kind::native)
            return Error{EINVAL,
                         "handler: a native function has none; name another runtime, or leave it"};
        if (Status valid = validate_handler(runtime.handler); !valid) return valid;
        if (runtime::needs_handler(runtime.kind) && module_of(runtime).empty())
            return Error{EINVAL, "handler: found " + shown(runtime.handler) +
                                     ", needed file.function, or folder/file.function"};
    }
    return validate_environment(runtime.environment);
}

std::string version_of(const std::string& archive_digest, const Runtime& runtime) {
    if (runtime == Runtime{}) return archive_digest;
    std::string text = "skerry version 1";
    for (const std::string& part :
         {archive_digest, std::string(runtime::kind_name(runtime.kind)), runtime.handler})
        text += '\0' + part;
    return sha256_hex(text + '\0' + runtime.environment);
}

std::vector<std::string> entry_files(const Runtime& runtime) {
    if (!runtime::needs_handler(runtime.kind)) return {"bootstrap"};
    std::string module = module_of(runtime);
    if (runtime.kind == runtime::Kind::nodejs)
        return {module + ".js", module + ".mjs", module + ".cjs"};
    std::replace(module.begin(), module.end(), '.', '/');
    return {module + ".py", module + "/__init__.py"};
}

Status check_entry(const std::string& folder, const Runtime& runtime) {
    std::string looked_for;
    for (const std::string& name : entry_files(runtime)) {
        struct stat info {};
        // Links are followed: none of them leaves the folder.
        if (stat((folder + "/" + name).c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
            info.st_size > 0)
            return ok();
        looked_for += (looked_for.empty() ? "`" : ", `") + name + "`";
    }
    if (!runtime::needs_handler(runtime.kind))
        return Error{EINVAL,
                     "the archive has no `bootstrap` at its top: an executable file with which a "
                     "worker starts (runtimes python3 and nodejs need a handler instead)"};
    return Error{EINVAL, "the archive has no file for the handler \"" + runtime.handler +
                             "\": looked for " + looked_for};
}

}  // namespace skerry::catalog
