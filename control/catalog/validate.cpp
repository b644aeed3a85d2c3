// What a function may be, whoever says it: a call, or the file.
#include <algorithm>
#include <set>

#include "control/catalog/catalog_file.hpp"

namespace skerry::catalog {

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status validate_region_name(const std::string& name) {
    if (!name.empty() && name.size() <= 15 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos)
        return ok();
    return Error{EINVAL, "regions: found \"" + name.substr(0, 40) +
                             "\", allowed names of 1 to 15 of a-z, 0-9 and -"};
}

Status validate(const Policy& policy) {
    if (policy.place > Place::region || policy.retry > RetryPolicy::marked)
        return Error{EINVAL, "place or retry is not one of its words"};
    if (policy.regions.size() > kMaxRegions)
        return Error{EINVAL, "regions: found " + std::to_string(policy.regions.size()) +
                                 ", allowed " + std::to_string(kMaxRegions)};
    std::set<std::string> seen;
    for (const auto& region : policy.regions) {
        if (Status valid = validate_region_name(region); !valid) return valid;
        if (!seen.insert(region).second)
            return Error{EINVAL, "regions: found \"" + region + "\" twice"};
    }
    return ok();
}

namespace {

bool is_short(const Details& details) {
    return details.runtime.size() <= kMaxLabelBytes && details.role.size() <= kMaxRoleBytes &&
           details.description.size() <= kMaxDescriptionBytes;
}

Status validate_published(const Function& f, const std::set<std::string>& versions) {
    std::uint32_t last = 0;
    for (const Publication& each : f.published) {
        if (each.number <= last || each.number >= f.next_number ||
            versions.count(each.version) == 0 || !is_short(each.details))
            return Error{EINVAL, "published: " + std::to_string(each.number) +
                                     " is out of order, or stands for no version that is kept"};
        last = each.number;
    }
    if (f.published.size() > kMaxPublications || f.next_number == 0 || !is_short(f.details))
        return Error{EINVAL, "too many numbers, or texts that are too long"};
    if (f.reserved && *f.reserved > kMaxReserved)
        return Error{EINVAL, "reserved: more than " + std::to_string(kMaxReserved)};
    return ok();
}

Status validate_alias_details(const Function& f, const std::set<std::string>& versions) {
    for (const auto& [alias, details] : f.alias_details) {
        const bool split = !details.other.empty();
        const bool good = f.aliases.count(alias) != 0 && details.other_weight <= kWholeWeight &&
                          split == (details.other_number != 0) &&
                          (split || details.other_weight == 0) &&
                          (!split || (versions.count(details.other) != 0 && !details.latest)) &&
                          details.description.size() <= kMaxDescriptionBytes;
        if (!good)
            return Error{EINVAL, "alias \"" + alias.substr(0, kMaxNameBytes) +
                                     "\": what is kept of it does not fit together"};
    }
    return ok();
}

}  // namespace

Status validate(const Function& f) {
    if (Status valid = validate_name(f.name); !valid) return valid;
    if (Status valid = validate(f.limits); !valid) return valid;
    if (Status valid = validate(f.policy); !valid) return valid;
    const std::set<std::string> different(f.versions.begin(), f.versions.end());
    if (f.versions.empty() || f.versions.size() > kMaxVersionsKept ||
        different.size() != f.versions.size() ||
        !std::all_of(f.versions.begin(), f.versions.end(), is_digest))
        return Error{EINVAL, "versions: needed 1 to " + std::to_string(kMaxVersionsKept) +
                                 " different digests of 64 hex digits"};
    if (different.count(f.current) == 0) return Error{EINVAL, "current is not among the versions"};
    for (const auto& [version, build] : f.builds) {
        if (Status valid = validate(build.runtime); !valid) return valid;
        if (different.count(version) == 0 || !is_digest(build.archive) ||
            version == build.archive || version_of(build.archive, build.runtime) != version)
            return Error{EINVAL, "builds: " + version.substr(0, 64) +
                                     " is no version that is kept, or is made of something else"};
    }
    for (const auto& [version, signature] : f.signatures)
        if (different.count(version) == 0 || !signing::parse(signature))
            return Error{EINVAL, "signatures: " + version.substr(0, 64) +
                                     " is no version that is kept, or has something else"};
    if (Status valid = validate(f.limits, f.build_of(f.current).runtime); !valid) return valid;
    if (f.aliases.size() > kMaxAliases)
        return Error{EINVAL, "aliases: found " + std::to_string(f.aliases.size()) + ", allowed " +
                                 std::to_string(kMaxAliases)};
    for (const auto& [alias, digest] : f.aliases) {
        if (Status valid = validate_alias(alias); !valid) return valid;
        if (different.count(digest) == 0)
            return Error{EINVAL, "alias \"" + alias + "\" stands for no version that is kept"};
    }
    if (Status valid = validate_published(f, different); !valid) return valid;
    return validate_alias_details(f, different);
}

}  // namespace skerry::catalog
