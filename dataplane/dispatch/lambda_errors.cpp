#include "dataplane/dispatch/lambda_errors.hpp"

#include <csignal>

#include "sandbox/runtime_api/writer.hpp"

namespace skerry {
namespace {

using runtime_api::Writer;

// As Go's runtime names them, which wrote the messages that are known.
std::string_view signal_text(int number) {
    switch (number) {
        case SIGABRT:
            return "aborted";
        case SIGBUS:
            return "bus error";
        case SIGFPE:
            return "floating point exception";
        case SIGILL:
            return "illegal instruction";
        case SIGKILL:
            return "killed";
        case SIGPIPE:
            return "broken pipe";
        case SIGSEGV:
            return "segmentation fault";
        case SIGSYS:
            return "bad system call";
        case SIGTERM:
            return "terminated";
        default:
            return {};
    }
}

Writer open(LambdaError& error, std::string_view type) {
    Writer text(error.text.data(), error.text.size());
    text << R"({"errorType":")" << type << R"(","errorMessage":")";
    return text;
}

Writer& put_seconds(Writer& text, std::uint32_t us) {
    const std::uint64_t hundredths = (std::uint64_t{us} + 5000) / 10000;
    return text << hundredths / 100 << "." << hundredths / 10 % 10 << hundredths % 10;
}

LambdaError close(LambdaError& error, Writer& text) {
    text << R"("})";
    error.bytes = static_cast<std::uint32_t>(text.size());
    return error;
}

}  // namespace

LambdaError exit_error(RequestId id, int exit_code, int exit_signal) {
    LambdaError error;
    Writer text = open(error, "Runtime.ExitError");
    text << "RequestId: ";
    text.uuid(id.high, id.low) << " Error: Runtime exited ";
    if (exit_code >= 0) {
        text << "with error: exit status " << static_cast<std::uint64_t>(exit_code);
    } else if (const std::string_view name = signal_text(exit_signal); !name.empty()) {
        text << "with error: signal: " << name;
    } else if (exit_signal > 0) {
        text << "with error: signal: signal " << static_cast<std::uint64_t>(exit_signal);
    } else {
        text << "without providing a reason";
    }
    return close(error, text);
}

LambdaError timed_out(RequestId id, std::uint32_t limit_us) {
    LambdaError error;
    Writer text = open(error, "Sandbox.Timedout");
    text << "RequestId: ";
    text.uuid(id.high, id.low) << " Error: Task timed out after ";
    put_seconds(text, limit_us) << " seconds";
    return close(error, text);
}

LambdaError cpu_limit_exceeded(RequestId id, std::uint32_t limit_us) {
    LambdaError error;
    Writer text = open(error, "Sandbox.CpuTimeExceeded");
    text << "RequestId: ";
    text.uuid(id.high, id.low) << " Error: Task used more CPU time than its limit of ";
    put_seconds(text, limit_us) << " seconds";
    return close(error, text);
}

LambdaError said_too_much(RequestId id) {
    LambdaError error;
    Writer text = open(error, "Runtime.ApiLimitExceeded");
    text << "RequestId: ";
    text.uuid(id.high, id.low) << " Error: the runtime said more than it may during one invocation";
    return close(error, text);
}

LambdaError response_too_large(std::uint32_t limit_bytes) {
    LambdaError error;
    Writer text = open(error, "Function.ResponseSizeTooLarge");
    text << "Response payload size exceeded maximum allowed payload size ("
         << std::uint64_t{limit_bytes} << " bytes).";
    return close(error, text);
}

LambdaError truncated_response(RequestId id) {
    LambdaError error;
    Writer text = open(error, "Runtime.TruncatedResponse");
    text << "RequestId: ";
    text.uuid(id.high, id.low) << " Error: the response ended before it was complete";
    return close(error, text);
}

}  // namespace skerry
