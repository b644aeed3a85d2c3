#include "control/lambda_api/settings.hpp"

#include <algorithm>

#include "control/catalog/artifacts.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

constexpr std::int64_t kTimeoutMax_s = 900, kMemoryMin_mib = 128, kMemoryMax_mib = 4096;
constexpr std::int64_t kStorageMin_mib = 512, kStorageMax_mib = 1024;
constexpr std::uint32_t kPayloadBytes = 6291456;  // what Lambda's clients expect to be taken

// Of what needs a service of AWS's, or is something that there is not: empty values say that it is
// not wanted.
constexpr const char* kRefused[] = {"VpcConfig",
                                    "Layers",
                                    "FileSystemConfigs",
                                    "ImageConfig",
                                    "ImageUri",
                                    "DeadLetterConfig",
                                    "KMSKeyArn",
                                    "CodeSigningConfigArn",
                                    "CapacityProviderConfig",
                                    "DurableConfig",
                                    "TenancyConfig",
                                    "S3Bucket",
                                    "S3Key",
                                    "S3ObjectVersion",
                                    "SourceKMSKeyArn"};

bool says_nothing(const json& value) {
    if (value.is_null()) return true;
    if (value.is_string()) return value.get_ref<const std::string&>().empty();
    if (value.is_array()) return value.empty();
    if (value.is_boolean()) return !value.get<bool>();
    if (!value.is_object()) return false;
    return std::all_of(value.begin(), value.end(), [](const json& each) {
        return each.is_null() || (each.is_array() && each.empty()) ||
               (each.is_string() && each.get_ref<const std::string&>().empty()) ||
               (each.is_boolean() && !each.get<bool>());
    });
}

bool is_digits(std::string_view text) {
    return !text.empty() && text.size() <= 4 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

void take_environment(const Body& body, catalog::Runtime& runtime) {
    const auto environment = body.object("Environment");
    if (!environment) return;
    catalog::Variables variables;
    if (const auto all = environment->object("Variables"))
        for (const auto& [name, value] : all->all().items()) {
            if (!value.is_string()) throw bad_field("Environment.Variables", "not all are texts");
            variables.emplace_back(name, value.get<std::string>());
        }
    auto packed = catalog::pack_environment(std::move(variables));
    if (!packed) throw bad_field("Environment.Variables", packed.error().text);
    if (packed->size() > catalog::kMaxEnvironmentBytes)
        throw bad_field("Environment.Variables",
                        "Lambda was unable to configure your environment variables because the "
                        "environment variables you have provided exceeded the 4KB limit");
    runtime.environment = std::move(*packed);
}

void take_details(const Body& body, catalog::Details& details) {
    if (auto text = body.text("Description", catalog::kMaxDescriptionBytes))
        details.description = std::move(*text);
    auto role = body.text("Role", catalog::kMaxRoleBytes);
    if (!role) return;
    if (role->empty() || std::any_of(role->begin(), role->end(),
                                     [](char c) { return c <= ' ' || c > '~' || c == '"'; }))
        throw bad_field("Role", "found " + shown(*role) + ", allowed an ARN");
    details.role = std::move(*role);
}

void check_platform(const Body& body) {
    const auto package = body.text("PackageType", 32);
    if (package && *package != "Zip")
        throw bad_field("PackageType",
                        "found " + shown(*package) + ", allowed Zip: there are no images here");
    const json* architectures = body.find("Architectures");
    if (architectures == nullptr) return;
    const bool ours = architectures->is_array() && architectures->size() <= 1 &&
                      std::all_of(architectures->begin(), architectures->end(),
                                  [](const json& each) { return each == "x86_64"; });
    if (!ours) throw bad_field("Architectures", "allowed [x86_64] alone");
}

}  // namespace

void refuse_unknown_services(const Body& body) {
    for (const char* key : kRefused) {
        const json* value = body.find(key);
        if (value != nullptr && !says_nothing(*value))
            throw bad_field(key, "there is nothing of the kind here");
    }
    if (const auto snap = body.object("SnapStart"))
        if (const auto when = snap->text("ApplyOn", 64); when && *when != "None")
            throw bad_field("SnapStart", "workers are copied without it, where they can be");
    check_platform(body);
}

admin::DeployRequest new_function(const std::string& name) {
    admin::DeployRequest request{.name = name, .limits = {}, .policy = {}, .digest = {}};
    request.limits.max_payload_bytes = kPayloadBytes;
    request.limits.tmp_mib = kStorageMin_mib;
    // As many as the server has room for: what a client of Lambda's expects.
    request.limits.warm_max = 64;
    return request;
}

void take_settings(const Body& body, admin::DeployRequest& request, catalog::Details& details) {
    catalog::Runtime& runtime = request.runtime;
    catalog::Limits& limits = request.limits;
    if (auto label = body.text("Runtime", 64)) {
        runtime.kind = kind_of_label(*label);
        details.runtime = std::move(*label);
    }
    if (auto handler = body.text("Handler", catalog::kMaxHandlerBytes))
        runtime.handler = std::move(*handler);
    // A native program has none, and a client has to name one.
    if (runtime.kind == runtime::Kind::native) runtime.handler.clear();
    take_environment(body, runtime);
    if (const auto seconds = body.number("Timeout", 1, kTimeoutMax_s))
        limits.timeout_ms = static_cast<std::uint32_t>(*seconds) * 1000;
    if (const auto mib = body.number("MemorySize", kMemoryMin_mib, kMemoryMax_mib))
        limits.memory_mib = static_cast<std::uint32_t>(*mib);
    if (const auto storage = body.object("EphemeralStorage"))
        if (const auto mib = storage->number("Size", kStorageMin_mib, kStorageMax_mib))
            limits.tmp_mib = static_cast<std::uint32_t>(*mib);
    take_details(body, details);
    const Status fits[] = {catalog::validate(runtime), catalog::validate(limits, runtime),
                           catalog::validate(limits)};
    for (const Status& each : fits)
        if (!each) throw bad_value(each.error().text);
}

std::string take_zip(const Body& from) {
    auto zip = from.bytes("ZipFile");
    if (!zip || zip->empty()) throw bad_field("ZipFile", "needed: the code, as a zip");
    const Fault no_zip{400, "InvalidZipFileException",
                       "Could not unzip uploaded file. Please check your file, then try to upload "
                       "again."};
    // What an empty archive begins with is refused too: nothing in it could start.
    if (zip->compare(0, 4, "PK\3\4") != 0) throw no_zip;
    if (zip->size() > catalog::kMaxArchiveBytes)
        throw bad_field("ZipFile", "found " + std::to_string(zip->size()) + " bytes, allowed " +
                                       std::to_string(catalog::kMaxArchiveBytes));
    return std::move(*zip);
}

runtime::Kind kind_of_label(const std::string& label) {
    std::string_view rest = label;
    if (rest == "native") return runtime::Kind::native;
    if (rest == "provided" || rest == "provided.al2" || rest == "provided.al2023")
        return runtime::Kind::provided;
    if (take_prefix(rest, "python3")) {
        if (rest.empty() || (rest[0] == '.' && is_digits(rest.substr(1))))
            return runtime::Kind::python3;
    } else if (take_prefix(rest, "nodejs")) {
        const std::size_t dot = rest.find('.');
        if (rest.empty() || (is_digits(rest.substr(0, dot)) &&
                             (dot == std::string_view::npos || rest.substr(dot) == ".x")))
            return runtime::Kind::nodejs;
    }
    throw bad_field("Runtime", "found " + shown(label) +
                                   ", allowed provided, provided.al2, provided.al2023, python3.N, "
                                   "nodejsN.x, native");
}

std::string label_of(const catalog::Details& details, runtime::Kind kind) {
    // A deploy may have changed it since.
    if (!details.runtime.empty()) {
        try {
            if (kind_of_label(details.runtime) == kind) return details.runtime;
        } catch (const Fault&) {
        }
    }
    return std::string(runtime::kind_name(kind));
}

}  // namespace skerry::lambda_api
