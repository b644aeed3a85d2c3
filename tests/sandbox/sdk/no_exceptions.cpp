#include "tests/sandbox/sdk/no_exceptions.hpp"

#include "sandbox/sdk/skerry.hpp"

#if SKERRY_EXCEPTIONS
#error "to be compiled with -fno-exceptions"
#endif

namespace skerry::test {

int serve_without_exceptions() {
    return serve([](Invocation& call) -> Reply {
        if (call.payload().empty()) return error("nothing was asked");
        return std::string(call.payload()) + "!";
    });
}

}  // namespace skerry::test
