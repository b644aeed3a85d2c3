// What a client is told when it does not get what it asked for: Lambda's names of errors, of which
// SDKs make exceptions (lambda-api.md §5.1).
//
// A Fault is thrown by the readers and calls of this folder, which are deep trees of small steps,
// and caught by handle() alone.
#pragma once

#include <string>

#include "control/admin/backend.hpp"

namespace skerry::lambda_api {

struct Fault {
    int status = 500;
    std::string type = "ServiceException";  // x-amzn-ErrorType
    std::string message;
};

// Whether the body says "Message" instead of "message", as the service's model has it.
bool has_capital_message(const std::string& type);

Fault bad_value(const std::string& message);  // 400 InvalidParameterValueException
// "KEY: found …": of a field of the request's body.
Fault bad_field(const std::string& key, const std::string& what);
Fault not_found(const std::string& arn);
Fault conflict(const std::string& message);
Fault bad_revision();
// A refusal of the controller. Codes that are names of Lambda's errors are those.
Fault fault_of(const admin::ApiError& error);
// The other way round: for an Edit, which refuses in the controller's terms.
admin::ApiError error_of(const Fault& fault);

// Of a text of a stranger, for a message: short and printable.
std::string shown(const std::string& text);

}  // namespace skerry::lambda_api
