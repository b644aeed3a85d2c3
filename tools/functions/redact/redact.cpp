// Takes personal data out of text before it is stored or logged further behind: answers with the
// payload, in which e-mail addresses, phone numbers, IBANs, card numbers and IPv4 addresses are
// replaced by their kind. See scanner.hpp for what counts as one.
#include "tools/functions/redact/scanner.hpp"
#include "tools/functions/serve.hpp"

int main() {
    return skerry::functions::serve([](std::string_view payload, const skerry_invocation&) {
        return skerry::functions::Outcome{SKERRY_OK, skerry::functions::redact(payload)};
    });
}
