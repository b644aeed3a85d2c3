// Counts what is in a text: kind `provided`, over the Runtime API, in C++ without a library.
//
//   payload  a text, any bytes (from Lambda's clients: a JSON value)
//   answer   {"bytes": N, "words": N, "lines": N}; words are what white space parts
//   error    Function.EmptyEvent: there is nothing to count
#include <cstdio>
#include <cstdlib>

#include "tools/functions/word-count/runtime_client.hpp"

namespace {

using skerry::functions::Invocation;
using skerry::functions::RuntimeClient;

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string count(std::string_view text) {
    std::size_t words = 0, lines = 0;
    bool in_word = false;
    for (const char c : text) {
        words += !in_word && !is_space(c) ? 1u : 0u;
        in_word = !is_space(c);
        lines += c == '\n' ? 1u : 0u;
    }
    return "{\"bytes\":" + std::to_string(text.size()) + ",\"words\":" + std::to_string(words) +
           ",\"lines\":" + std::to_string(lines) + "}";
}

bool answer(RuntimeClient& client, const Invocation& invocation) {
    if (invocation.payload.empty())
        return client.fail(invocation, "Function.EmptyEvent", "there is nothing to count");
    return client.respond(invocation, count(invocation.payload));
}

}  // namespace

int main() {
    const char* address = std::getenv("AWS_LAMBDA_RUNTIME_API");
    if (address == nullptr) {
        std::fputs("AWS_LAMBDA_RUNTIME_API is not set: this program is started by skerryd\n",
                   stderr);
        return 1;
    }
    RuntimeClient client(address);
    while (const auto invocation = client.next())
        if (!answer(client, *invocation)) break;
    std::fprintf(stderr, "word-count: %s\n", client.error().c_str());
    return 1;
}
