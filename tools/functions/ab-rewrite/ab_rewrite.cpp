// Puts a user into a variant of an experiment, and rewrites the request accordingly.
//
//   payload  {"user": TEXT, "experiment": TEXT, "variants": [VARIANT, …], "request": {…}}
//            VARIANT: "NAME", or {"name": TEXT, "weight": 1 … 1000000 (1), "patch": {…}}
//   answer   {"variant": NAME, "request": {…}}: the patch merged in (RFC 7396), and
//            request.headers["x-experiment"] = "EXPERIMENT=NAME"
//
// The variant depends on user and experiment alone: the same user sees the same variant at every
// POP, without anything being stored.
#include <nlohmann/json.hpp>

#include "tools/functions/json_depth.hpp"
#include "tools/functions/serve.hpp"

namespace {

using nlohmann::json;
using skerry::functions::error;
using skerry::functions::Outcome;

constexpr std::size_t kMostVariants = 64;
constexpr std::size_t kMostNameBytes = 128;
constexpr std::int64_t kMostWeight = 1'000'000;

// FNV-1a, then the finaliser of SplitMix64: FNV's low bits alone are not even enough for a share.
std::uint64_t spread(std::string_view experiment, std::string_view user) {
    std::uint64_t hash = 0xcbf29ce484222325ull;
    const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3ull; };
    for (const char c : experiment) add(static_cast<unsigned char>(c));
    add(0);
    for (const char c : user) add(static_cast<unsigned char>(c));
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ull;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebull;
    return hash ^ (hash >> 31);
}

struct Variant {
    std::string name;
    std::uint64_t weight = 1;
    const json* patch = nullptr;
};

bool read_name(const json& value, std::string& out) {
    if (!value.is_string()) return false;
    out = value.get<std::string>();
    return !out.empty() && out.size() <= kMostNameBytes &&
           std::all_of(out.begin(), out.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool read_variant(const json& value, Variant& variant) {
    if (value.is_string()) return read_name(value, variant.name);
    if (!value.is_object() || !value.contains("name") || !read_name(value["name"], variant.name))
        return false;
    if (value.contains("weight")) {
        const json& weight = value["weight"];
        if (!weight.is_number_integer() || weight.get<std::int64_t>() < 1 ||
            weight.get<std::int64_t>() > kMostWeight)
            return false;
        variant.weight = weight.get<std::uint64_t>();
    }
    if (value.contains("patch")) {
        variant.patch = &value["patch"];
        if (!variant.patch->is_object()) return false;
    }
    return true;
}

const Variant& choose(const std::vector<Variant>& variants, std::uint64_t hash) {
    std::uint64_t all = 0;
    for (const Variant& variant : variants) all += variant.weight;
    std::uint64_t at = hash % all;
    for (const Variant& variant : variants) {
        if (at < variant.weight) return variant;
        at -= variant.weight;
    }
    return variants.back();
}

Outcome rewrite(std::string_view payload) {
    if (!skerry::functions::json_is_shallow(payload)) return error("JSON nested too deeply");
    json order = json::parse(payload, nullptr, false);
    if (!order.is_object()) return error("the payload is not a JSON object");
    for (const char* key : {"user", "experiment", "variants", "request"})
        if (!order.contains(key)) return error(std::string(key) + ": missing");
    std::string experiment;
    if (!read_name(order["experiment"], experiment))
        return error("experiment: needed is a name of 1 to 128 printable characters");
    if (!order["user"].is_string()) return error("user: needed is a text");
    json& request = order["request"];
    if (!request.is_object()) return error("request: needed is an object");
    if (!order["variants"].is_array() || order["variants"].empty() ||
        order["variants"].size() > kMostVariants)
        return error("variants: needed is a list of 1 to 64");

    std::vector<Variant> variants;
    for (const json& value : order["variants"]) {
        Variant variant;
        if (!read_variant(value, variant))
            return error("variants[" + std::to_string(variants.size()) +
                         "]: needed is a name, or {\"name\",\"weight\" 1 to 1000000,\"patch\" {}}");
        variants.push_back(std::move(variant));
    }
    const Variant& chosen =
        choose(variants, spread(experiment, order["user"].get_ref<const std::string&>()));
    if (chosen.patch != nullptr) request.merge_patch(*chosen.patch);
    if (!request.contains("headers") || !request["headers"].is_object())
        request["headers"] = json::object();
    request["headers"]["x-experiment"] = experiment + "=" + chosen.name;
    const json answer = {{"variant", chosen.name}, {"request", std::move(request)}};
    return {SKERRY_OK, answer.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace

int main() {
    return skerry::functions::serve(
        [](std::string_view payload, const skerry_invocation&) { return rewrite(payload); });
}
