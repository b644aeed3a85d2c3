// What create-function and update-function-* say of a function, in our terms.
#pragma once

#include <string>
#include <string_view>

#include "control/admin/backend.hpp"
#include "control/lambda_api/json_body.hpp"

namespace skerry::lambda_api {

// Throws a Fault for what is asked for and not there: networks of AWS, layers, images, …
// What clients send and nothing here heeds is passed over (docs/api.md has the list).
void refuse_unknown_services(const Body& body);

// What a function has that create-function is not told.
admin::DeployRequest new_function(const std::string& name);

// Those that are given: Runtime, Handler, Environment, Timeout, MemorySize, EphemeralStorage,
// Description, Role. The kinds and limits fit together afterwards, or a Fault says what does not.
void take_settings(const Body& body, admin::DeployRequest& request, catalog::Details& details);

// A zip (`ZipFile`) in `from`, decoded. Throws what it can't be; InvalidZipFileException: it is
// none.
std::string take_zip(const Body& from);

// "python3.11" → python3. Throws: there is no such runtime here.
runtime::Kind kind_of_label(const std::string& label);
// What a runtime is called whose function was not made by these calls.
std::string label_of(const catalog::Details& details, runtime::Kind kind);

}  // namespace skerry::lambda_api
