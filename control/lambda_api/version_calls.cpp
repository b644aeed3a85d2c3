// Numbers for versions, and taking them away.
#include "control/lambda_api/calls.hpp"

namespace skerry::lambda_api {

Reply publish_version(const Call& call) {
    const auto description = call.body.text("Description", catalog::kMaxDescriptionBytes);
    const auto wanted = call.body.text("CodeSha256", 64);
    std::uint32_t number = 0;
    const Edit edit = edit_of([&](const catalog::Function* before, catalog::Function& next) {
        const catalog::Details details = before->details;
        check_revision(call.body, revision_id(next.name, details.revision));
        const Version latest{*before, before->current};
        const std::string there = configuration(call, latest)["CodeSha256"];
        if (wanted && *wanted != there)
            throw bad_field("CodeSha256",
                            "found " + shown(*wanted) + ", that of $LATEST is " + there);
        const bool known = catalog::next_publication_is_known(next);
        catalog::Publication& published = catalog::publish(next);
        if (!known && description) published.details.description = *description;
        number = published.number;
        next.details = details;
    });
    const catalog::Function function = done(call.functions.change(call.name, edit));
    return {201, configuration(call, {function, function.version_numbered(number), number,
                                      std::to_string(number)})};
}

Reply delete_version(const Call& call) {
    const std::uint32_t number = number_of_text(call.qualifier);
    if (number == 0)
        throw bad_value("Qualifier: found " + shown(call.qualifier) +
                        ", allowed the number of a version");
    const Edit edit = edit_of([&](const catalog::Function* before, catalog::Function& next) {
        next.details = before->details;
        if (catalog::is_numbered_by_alias(next, number))
            throw conflict("Cannot delete version " + call.qualifier + ": an alias stands for it");
        if (std::erase_if(next.published,
                          [&](const auto& each) { return each.number == number; }) == 0)
            throw not_found(arn_of(call.request.region, call.name, call.qualifier));
    });
    (void)done(call.functions.change(call.name, edit));
    return {204, nullptr};
}

}  // namespace skerry::lambda_api
